# Generated from socketio/_async/bus_connection.py by tools/unasync.py, do not edit.
"""The supervised connection of a client manager to its broker.

Called by the pub/sub managers; it carries bytes, keeps them during an outage, notices when the
broker goes away or falls silent, and connects again. It knows nothing of what the messages mean.
"""

from __future__ import annotations

import logging
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..abc.driver import BusDriver, MessageRefused
from ..abc.runtime import Runtime, Waiter
from ..bus.health import HealthState, ManagerHealth
from ..bus.outbox import Outbox
from ..exceptions import ConnectionError

T = TypeVar("T")

TICK = 1.0
"""Seconds between two looks at whether the connection is still alive."""


class ConnectionLost(Exception):
    """The broker did not answer in time; the message says what it was asked."""


@dataclass(frozen=True, kw_only=True)
class BusSettings:
    """How patient a manager is, in seconds."""

    timeout: float
    probe_interval: float
    probe_timeout: float
    reconnect_delay: float
    reconnect_delay_max: float
    others_timeout: float


class BusConnection:
    """Keeps one driver at work, and replaces it by a new one when it fails.

    Args:
        create_driver: Returns a driver that is not connected yet.
        deliver: Called with each message of another process.
        outbox: What waits to be published.
        own_prefix: How the messages begin that are our own and only show that the way is open.
        presence: Returns such a message: `greeting` after connecting, `sign` from time to time,
            `farewell` before leaving.
        awaits_others: Told when connected, and when the connection before was lost (or None);
            returns whether to wait for other processes.
        receive: False for a manager that only writes.
        runtime: What runs tasks and timers.
        settings: Timeouts and bounds.
        name: What the manager is called in the log.
        url: Where the broker is, without the password.
        logger: Where changes are logged.
        may_rest: Gets how many messages wait; returns for how many seconds the connection may go
            on with nothing new, None for ever. At 0 it ends.
        on_end: Called when the connection has ended, or was refused.
    """

    def __init__(
        self,
        *,
        create_driver: Callable[[], BusDriver],
        deliver: Callable[[Any], None],
        outbox: Outbox,
        own_prefix: bytes,
        presence: Callable[[str], bytes],
        awaits_others: Callable[[float | None], bool],
        receive: bool,
        runtime: Runtime,
        settings: BusSettings,
        name: str,
        url: str,
        logger: logging.Logger,
        may_rest: Callable[[int], float | None] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self._may_rest = may_rest
        self._on_end = on_end
        self._failures = 0
        self._create_driver = create_driver
        self._deliver = deliver
        self._own_prefix = own_prefix
        self._presence = presence
        self._awaits_others = awaits_others
        self._receive = receive
        self._runtime = runtime
        self._settings = settings
        self._name = name
        self._url = url
        self._logger = logger
        self.outbox = outbox
        self._urgent: list[bytes] = []
        self._held_until = 0.0
        self._lost_at = 0.0
        self._driver: BusDriver | None = None
        self._closing = False
        self._leaving = False
        self._state: HealthState = "idle"
        self._since = time.time()
        self._last_error: str | None = None
        self._connections = 0
        self._published = 0
        self._refused: Exception | None = None
        self._retry_at = 0.0
        self._publish_error: Exception | None = None
        self._task: Any = None
        self._publisher_idle: Waiter | None = None
        self._pausing: Waiter | None = None
        self._started: list[Waiter] = []
        self._flushing: deque[tuple[int, Waiter]] = deque()

    # -- for the manager ------------------------------------------------------------------

    @property
    def state(self) -> HealthState:
        """How the connection is now."""
        return self._state

    def health(self, received: int, malformed: int, duplicates: int) -> ManagerHealth:
        """Return how the connection is doing, with the manager's own counts."""
        return ManagerHealth(
            state=self._state,
            since=self._since,
            url=self._url,
            last_error=self._last_error,
            reconnects=max(0, self._connections - 1),
            published=self._published,
            received=received,
            dropped=self.outbox.dropped,
            malformed=malformed,
            duplicates=duplicates,
            outbox_messages=len(self.outbox),
            outbox_bytes=self.outbox.bytes,
        )

    def start(self) -> None:
        """Begin to connect, in the background; after a refusal not too soon again."""
        if self._closing or self._state not in ("idle", "failed"):
            return
        if self._runtime.now() >= self._retry_at:
            self._refused = None
            self._set_state("connecting")
            self._task = self._runtime.start_own_task(self._run)

    def wait_started(self) -> None:
        """Wait for the outcome of the first attempt to connect.

        A broker that cannot be reached is no error: it may come later.

        Raises:
            ConnectionError: The broker refuses us.
        """
        if self._state == "connecting":
            waiter = self._runtime.create_waiter()
            self._started.append(waiter)
            if self._state == "connecting":
                try:
                    waiter.wait(2 * self._settings.timeout)
                except TimeoutError:
                    pass  # the attempt is slow, and goes on
        self.raise_if_refused()

    def raise_if_refused(self) -> None:
        """Raise what the broker refused us with, if it did so at the start."""
        if self._refused is not None:
            raise ConnectionError(
                f"{self._name} cannot use {self._url}: {describe(self._refused)}"
            ) from self._refused

    def add(self, message: bytes) -> bool:
        """Put a message into the outbox, from which it is published as soon as possible.

        Returns:
            False if it did not fit and was dropped.

        Raises:
            ConnectionError: The broker refused us at the start.
        """
        if self._refused is not None:
            self.raise_if_refused()
        if not self.outbox.add(message):
            if self.outbox.dropped == 1:
                self._logger.error(
                    "%s: the outbox is full (%d messages, %d bytes), messages are dropped",
                    *(self._name, len(self.outbox), self.outbox.bytes),
                )
            return False
        self._wake_publisher()
        return True

    def add_urgent(self, message: bytes) -> None:
        """Publish a message before all others, on this connection or not at all."""
        if self._state == "connected":
            self._urgent.append(message)
            self._wake_publisher()

    def release(self) -> None:
        """Publish what is held back: all who should get it are there."""
        if self._held_until:
            self._held_until = 0.0
            self._wake_publisher()

    def flush(self) -> bool:
        """Wait until what is in the outbox now has been published.

        Returns:
            False when the broker is away; the messages are kept.
        """
        position = self.outbox.added
        waiter = self._runtime.create_waiter()
        self._flushing.append((position, waiter))
        if self.outbox.sent >= position or self._state not in ("connecting", "connected"):
            return self.outbox.sent >= position
        try:
            waiter.wait(2 * self._settings.timeout)
        except TimeoutError:
            pass  # the next lines tell what became of it
        self.raise_if_refused()
        return self.outbox.sent >= position

    def close(self) -> None:
        """Publish what waits, if the broker is there, and disconnect."""
        if self._task is None or self._closing:
            self._closing = True
            return
        self._leaving = True
        if self._state == "connected" and self._receive:
            self.outbox.add(self._presence("farewell"))  # it comes back, and wakes the receiver
        self._held_until = 0.0
        self._wake_publisher()
        self.flush()
        self._closing = True
        self._wake_publisher()
        pausing = self._pausing
        if pausing is not None:
            pausing.set(None)
        self._task.join(TICK if self._state == "connected" else TICK / 2)

    def retire(self) -> None:
        """End without a word: the loop in which this was at work does not run any more."""
        self._closing = True
        self._driver = None

    def look_again(self) -> None:
        """Ask again for how long this may go on."""
        self._wake_publisher()
        pausing = self._pausing
        if pausing is not None:
            pausing.set(None)

    def say_dropped(self) -> None:
        """Log what will never be published."""
        if len(self.outbox):
            self._logger.error(
                "%s has no connection to %s; %d messages are lost",
                *(self._name, self._url, len(self.outbox)),
            )

    # -- the supervisor -------------------------------------------------------------------

    def _run(self) -> None:
        self._failures = 0
        try:
            while not self._closing:
                began = self._runtime.now()
                driver = self._create_driver()
                driver.timeout = self._settings.timeout
                try:
                    error = self._use(driver)
                    if error is None:
                        return
                    if self._connections == 0 and (
                        driver.is_permanent(error) or is_misconfigured(error)
                    ):
                        self._refuse(error)
                        return
                    # A connection that lasted counts as a new beginning, one that flaps does not.
                    lasted = self._runtime.now() - began > self._settings.reconnect_delay_max
                    lasted = lasted and self._state == "connected"
                    self._failures = 1 if lasted else self._failures + 1
                    delay = self._delay(self._failures)
                    self._note_loss(error, delay)
                finally:
                    self._close_driver(driver)
                self._pause(delay)
        finally:
            if self._state != "failed":
                self._set_state("closed")
            if self._on_end is not None:
                self._on_end()

    def _use(self, driver: BusDriver) -> Exception | None:
        """Connect a driver, and stay with it until it fails or we close.

        Returns:
            Why it failed; None if we close.
        """
        try:
            self._limited(driver.connect(self._receive), "connecting")
            self._publish_error = None
            self._urgent = []
            self._held_until = self._hold(driver)
            self._driver = driver
            self._connections += 1
            self._set_state("connected")
            if self._receive:
                self._exchange(driver)
            else:
                self._publish_until_lost(driver)
            return None
        except Exception as error:  # whatever the client library raises
            return None if self._closing else error
        finally:
            if self._driver is not None:
                self._driver = None
                self._lost_at = time.monotonic()

    def _hold(self, driver: BusDriver) -> float:
        """Return until when to hold back what was kept, so that others are there to get it."""
        again = self._connections > 0 and not driver.keeps_messages
        awaited = self._awaits_others(self._lost_at if again else None)
        # Who only writes does not hear whether the others are back.
        if not again or (self._receive and not awaited):
            return 0.0
        return self._runtime.now() + self._settings.others_timeout

    def _exchange(self, driver: BusDriver) -> None:
        self._runtime.start_own_task(self._publish_beside, driver)
        try:
            self._receive_until_lost(driver)
        finally:
            self._driver = None
            self._lost_at = time.monotonic()
            self._wake_publisher()

    def _receive_until_lost(self, driver: BusDriver) -> None:
        settings = self._settings
        now = self._runtime.now
        heard = asked = now()
        probing = True  # our own hello comes back if the subscription works
        self.add_urgent(self._presence("greeting"))
        while not self._closing:
            tick = TICK / 20 if self._leaving else TICK
            messages = self._limited(driver.receive(tick), "receiving", tick)
            for message in messages:
                if isinstance(message, bytes) and message.startswith(self._own_prefix):
                    probing = False
                else:
                    self._deliver(message)
            moment = now()
            if messages:
                heard = moment
            if self._publish_error is not None:
                raise self._publish_error
            if not probing and moment - asked > settings.probe_interval:
                asked, probing = moment, True
                self.add_urgent(self._presence("sign"))
            elif probing and moment - max(asked, heard) > settings.probe_timeout:
                raise ConnectionLost(
                    f"silent: nothing was received for {moment - max(asked, heard):.1f} s, "
                    "not even our own messages"
                )

    def _publish_beside(self, driver: BusDriver) -> None:
        try:
            self._publish_until_lost(driver)
        except Exception as error:  # whatever the client library raises; the receiver passes it on
            if driver is self._driver:
                self._publish_error = error

    def _publish_until_lost(self, driver: BusDriver) -> None:
        outbox = self.outbox
        while driver is self._driver and not self._closing:
            if self._urgent:
                urgent, self._urgent = self._urgent, []
                self._limited(driver.publish(urgent), "publishing")
                continue
            held = self._held_until - self._runtime.now() if self._held_until else 0.0
            batch = outbox.batch() if held <= 0 else []
            if not batch:
                self._wait_for_messages(held)
                continue
            sent, refused = len(batch), None
            try:
                self._limited(driver.publish(batch), "publishing")
            except MessageRefused as error:
                sent, refused = error.index, error
            if driver is not self._driver:
                return  # too late: a new driver sends it again; receivers know its numbers
            outbox.discard(sent)
            self._published += sent
            if refused is not None:
                self._logger.error(
                    "%s dropped a message of %d bytes: %s", self._name, len(batch[sent]), refused
                )
                outbox.dropped += 1
                outbox.discard(1)
            while self._flushing and self._flushing[0][0] <= outbox.sent:
                self._flushing.popleft()[1].set(None)

    def _wait_for_messages(self, held: float) -> None:
        limit = held if held > 0 else None
        if self._may_rest is not None:
            limit = self._rest(limit)
            if self._closing:
                return
        waiter = self._runtime.create_waiter()
        self._publisher_idle = waiter
        # What came between the look into the outbox and this line has woken nobody.
        if self._urgent or self._closing or (len(self.outbox) and held <= 0):
            return
        try:
            waiter.wait(limit)
        except TimeoutError:
            pass  # held back, or unused, for long enough

    def _rest(self, limit: float | None) -> float | None:
        """Return for how long to wait at most, and end if nobody wants us any more."""
        rest = None if self._may_rest is None else self._may_rest(len(self.outbox))
        if rest is None:
            return limit
        if rest <= 0:
            self.say_dropped()
            self._closing = True
        return rest if limit is None else min(limit, rest)

    def _wake_publisher(self) -> None:
        waiter = self._publisher_idle
        if waiter is not None:
            # Once is enough: the other messages of this loop turn travel with this one.
            self._publisher_idle = None
            waiter.set(None)

    # -- outcomes -------------------------------------------------------------------------

    def _set_state(self, state: HealthState) -> None:
        if state == self._state:
            return
        previous, self._state = self._state, state
        self._since = time.time()
        if state == "connected":
            waiting = len(self.outbox)
            note = f", {waiting} messages waited" if waiting else ""
            self._logger.info("%s connected to %s%s", self._name, self._url, note)
        elif state == "closed" and previous != "idle":
            self._logger.info("%s disconnected from %s", self._name, self._url)
        if state != "connecting":
            while self._started:
                self._started.pop().set(None)
        if state not in ("connecting", "connected"):
            while self._flushing:
                self._flushing.popleft()[1].set(None)

    def _note_loss(self, error: Exception, delay: float) -> None:
        self._last_error = describe(error)
        if self._state != "disconnected":
            self._logger.error(
                "%s has no connection to %s: %s; messages are kept, next attempt in %.1f s",
                *(self._name, self._url, self._last_error, delay),
            )
        else:
            self._logger.debug("%s: %s; next attempt in %.1f s", self._name, error, delay)
        self._set_state("disconnected")

    def _refuse(self, error: Exception) -> None:
        self._last_error = describe(error)
        self._refused = error
        self._retry_at = self._runtime.now() + self._settings.reconnect_delay_max
        self._logger.error("%s cannot use %s: %s", self._name, self._url, self._last_error)
        self._set_state("failed")

    def _delay(self, failures: int) -> float:
        settings = self._settings
        delay = settings.reconnect_delay * float(2 ** min(failures - 1, 16))
        return min(delay, settings.reconnect_delay_max) * random.uniform(0.5, 1.0)

    def _pause(self, seconds: float) -> None:
        self._pausing = waiter = self._runtime.create_waiter()
        limit = self._rest(seconds)
        if self._closing:
            return
        try:
            waiter.wait(limit)
        except TimeoutError:
            pass  # the usual case: nobody closed us meanwhile
        finally:
            self._pausing = None

    def _limited(self, operation: T, what: str, more: float = 0) -> T:
        """Wait for what a driver does, but not for ever."""
        return operation

    def _close_driver(self, driver: BusDriver) -> None:
        driver.leaving = self._closing or self._state == "failed"
        try:
            driver.close()
        except Exception as error:  # whatever the client library raises
            self._logger.debug("%s: closing the connection failed: %s", self._name, error)


def is_misconfigured(error: BaseException | None) -> bool:
    """Tell whether an error comes from an unknown host name, or a certificate nobody trusts."""
    seen = set()
    while error is not None and id(error) not in seen:  # some libraries tie their errors in rings
        seen.add(id(error))
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
            return True
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def describe(error: BaseException) -> str:
    """Return an error in its own words, with its class when it has none."""
    said = str(error).strip()
    return said if said else type(error).__name__
