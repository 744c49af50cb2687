# Generated from socketio/_async/emitter.py by tools/unasync.py, do not edit.
"""The connection over which processes without a server publish, shared by their managers.

A worker makes a manager for each of its tasks, or one for all of them, emits from many threads or
event loops, and ends without a word. So the connection belongs to the process: managers for the
same channel of the same broker share one, it is closed a moment after the last of them is gone,
and what was emitted has left before the process ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from .._core import forks
from .._core.process_end import EXIT_SECONDS, finish_at_end, is_finished
from ..abc.driver import BusDriver
from ..bus.health import ManagerHealth
from ..bus.presence import Presence, PresenceTimes
from ..runtimes.synchronous import EmitterPlace
from .broker_link import BrokerLink, LinkReceiver

LINGER = 1.0
"""Seconds that a connection stays open for the next manager when the last one is gone."""

GIVE_UP = 60.0
"""Seconds that messages of managers which are gone wait for a broker that is away."""


class Emitter:
    """One connection that only writes, and the managers that use it.

    Args:
        key: Managers with an equal one share the emitter; None: it is the first one's alone.
        create_link: Returns a link that is not started; gets the runtime and the receiver for it.
        times: How patient the managers are with other processes.
    """

    def __init__(
        self,
        key: Hashable | None,
        create_link: Callable[[Any, LinkReceiver], BrokerLink],
        times: PresenceTimes,
    ) -> None:
        self._key = key
        self._users = 0
        self._unused_since = time.monotonic()
        self._lock = _Emitters.lock
        self._ended = False
        self._place = EmitterPlace()
        self._runtime = self._place.runtime
        self._presence = Presence("", times)
        self.link = create_link(self._runtime, self)

    # -- for managers ---------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and wait for the outcome of the first attempt; see `BrokerLink`."""
        self._place.wait_for(self._start)

    def publish(self, message: bytes) -> None:
        """Publish a message, and return when the broker has it, or is known to be away.

        Raises:
            ConnectionError: The broker refuses us.
        """
        self._place.hand_over(self._publish, message)

    def health(self, received: int, malformed: int, duplicates: int) -> ManagerHealth:
        """Return how the connection is doing; see `BrokerLink.health`."""
        return self.link.health(received, malformed, duplicates, 0)

    def leave(self) -> None:
        """Give the emitter back; what was emitted has left, if the broker is there."""
        with self._lock:  # whoever comes now makes a new one
            last = self._give_back()
            if last:
                self._forget()
        if last:
            self._place.wait_for(self.link.close)
            self.ended()

    def abandon(self) -> None:
        """Give the emitter back without waiting: it may be anywhere that a manager is collected."""
        if self._give_back() and not self._place.call(self._rest):
            self.ended()  # there is nothing left to end

    # -- inside ---------------------------------------------------------------------------

    def _start(self) -> None:
        self.link.start()
        self.link.wait_started()

    def _publish(self, messages: list[bytes]) -> None:
        self.link.start()
        added = [self.link.put(message) for message in messages]
        if any(added) and self.link.flush():
            self._presence.sent(self._runtime.now())

    def _rest(self) -> None:
        with self._lock:
            if self._users:
                return  # another manager has come meanwhile
            if self.link.state == "idle":
                self.ended()
                return
        self.link.look_again()

    def _give_back(self) -> bool:
        """Count a user less; return whether it was the last one."""
        with self._lock:
            self._users -= 1
            self._unused_since = time.monotonic()
            return self._users == 0

    def use(self) -> None:
        """Count a user more; called with the lock of all emitters held."""
        self._users += 1

    # -- what the link tells --------------------------------------------------------------

    def linked(self, *, at_once: bool, driver: BusDriver) -> None:
        """Hold back what was kept, after an outage; see `LinkReceiver`."""
        now = self._runtime.now()
        self._presence.connected(
            now,
            at_once=at_once,
            receives=False,
            keeps_messages=driver.keeps_messages,
            keeps_subscriptions=driver.keeps_subscriptions,
        )
        self.link.hold(self._presence.held(now))

    def received(self, messages: list[Any]) -> None:
        """Ignore what comes: nothing does; see `LinkReceiver`."""

    def unlinked(self, *, silently: bool) -> None:
        """Remember when; see `LinkReceiver`."""
        self._presence.lost(self._runtime.now(), silently=silently)

    def rest(self, waiting: int) -> float | None:
        """Tell the link for how long it may go on; see `LinkReceiver`."""
        with self._lock:
            if self._users:
                return None
            left = (GIVE_UP if waiting else LINGER) - (time.monotonic() - self._unused_since)
            if left <= 0:
                self._forget()  # whoever comes now makes a new one
            return left

    def _forget(self) -> None:
        with self._lock:
            if self._key is not None and _Emitters.shared.get(self._key) is self:
                del _Emitters.shared[self._key]

    def ended(self) -> None:
        """Note that the link has ended; see `LinkReceiver`."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._forget()
            _Emitters.open.pop(id(self), None)
        is_finished(self)
        self._place.leave()

    def finish(self) -> None:
        """Publish what waits and close, because the process ends; see `Finishable`."""
        if not self._place.finish(self.link.close, EXIT_SECONDS):
            self.link.say_dropped()


class _Emitters:
    """All emitters of this process."""

    # A manager may be collected while this very thread holds the lock.
    lock = threading.RLock()
    open: dict[int, Emitter] = {}  # noqa: RUF012  # the one table
    shared: dict[Hashable, Emitter] = {}  # noqa: RUF012  # the one table

    def after_fork(self) -> None:
        """Leave all connections to the parent; see `socketio._core.forks`."""
        forks.keep((_Emitters.open, _Emitters.shared))
        _Emitters.lock = threading.RLock()
        _Emitters.open = {}
        _Emitters.shared = {}


_all = _Emitters()
forks.watch(_all)


def acquire(
    key: Hashable | None,
    create_link: Callable[[Any, LinkReceiver], BrokerLink],
    times: PresenceTimes,
) -> Emitter:
    """Return the emitter for a key, or a new one; to be given back by `leave` or `abandon`."""
    with _Emitters.lock:
        emitter = None if key is None else _Emitters.shared.get(key)
        if emitter is None:
            emitter = Emitter(key, create_link, times)
            _Emitters.open[id(emitter)] = emitter
            finish_at_end(emitter)
            if key is not None:
                _Emitters.shared[key] = emitter
        emitter.use()
        return emitter
