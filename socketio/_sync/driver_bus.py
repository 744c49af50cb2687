# Generated from socketio/_async/driver_bus.py by tools/unasync.py, do not edit.
"""The bus of a process that serves clients, over a driver: its link to the broker and presence."""

from __future__ import annotations

import threading
from typing import Any

from .._core.chance import uniform
from .._core.process_end import EXIT_SECONDS, finish_at_end, is_finished
from ..abc.driver import BusDriver
from ..abc.runtime import Runtime
from ..bus import messages as bus
from ..bus.broker_url import without_password
from ..bus.health import ManagerHealth
from ..bus.outbox import Outbox
from ..bus.presence import Presence, PresenceTimes
from ..runtimes import synchronous as flavour
from .broker_link import BrokerLink, LinkReceiver, LinkTimes
from .bus_owner import BusOwner


class DriverBus:
    """Publishes what its manager sends, and hands it what other processes do.

    Args:
        manager: The manager, which supplies drivers and acts on messages.
    """

    def __init__(self, manager: BusOwner) -> None:
        self._manager = manager
        self._presence = Presence(manager.host_id, presence_times(manager))
        self._own_prefix = bus.own_prefix(manager.host_id)
        self._outbox = Outbox(manager.outbox_messages, manager.outbox_bytes)
        self._link: BrokerLink | None = None
        self._home: Any = None
        self._connecting = threading.Lock()

    # -- for the manager ------------------------------------------------------------------

    def begin(self) -> None:
        """Begin to connect and to receive."""
        self._linked()
        finish_at_end(self)

    def start(self) -> None:
        """Wait for the outcome of the first attempt to connect; see `BrokerLink`."""
        self._linked().wait_started()

    def publish(self, message: bytes) -> None:
        """Publish a message, in the background; see `BrokerLink.put`."""
        self._linked().put(message)

    def close(self, limit: float | None = None) -> None:
        """Publish what waits, if the broker is there, say that we go, and disconnect.

        Args:
            limit: Seconds that publishing may take; see `BrokerLink.close`.
        """
        is_finished(self)
        if self._link is not None:
            self._link.close(self._manager._encode(self._presence.farewell()), limit)

    def finish(self) -> None:
        """Do the same because the process ends, if that is still possible; see `Finishable`."""
        link = self._link
        if link is not None and not flavour.finish_at(self._home, self._close_at_end, EXIT_SECONDS):
            link.say_dropped()

    def _close_at_end(self) -> None:
        self.close(EXIT_SECONDS)

    def health(self, received: int, malformed: int, duplicates: int) -> ManagerHealth:
        """Return how the link is doing, with what the manager has counted."""
        others = len(self._presence.others)
        link = self._link or self._linked()
        return link.health(received, malformed, duplicates, others)

    def _linked(self) -> BrokerLink:
        """Return the link; a new one in a new event loop."""
        home = flavour.home()
        link = self._link
        if link is None or home is not self._home:
            with self._connecting:  # several threads may emit at the same time
                link = self._link
                if link is None or home is not self._home:
                    if link is not None:
                        link.retire()
                    self._home = home
                    link = self._link = create_link(
                        self._manager, self, self._outbox, self._manager._runtime(), receive=True
                    )
                    link.start()
        return link

    # -- what the link tells --------------------------------------------------------------

    def linked(self, *, at_once: bool, driver: BusDriver) -> None:
        """Greet the others; see `LinkReceiver`."""
        link, now = self._linked(), self._manager._runtime().now()
        greeting = self._presence.connected(
            now,
            at_once=at_once,
            keeps_messages=driver.keeps_messages,
            keeps_subscriptions=driver.keeps_subscriptions,
        )
        link.hold(self._presence.held(now))
        link.add_urgent(self._manager._encode(greeting))

    def received(self, messages: list[Any]) -> None:
        """Act on messages; see `LinkReceiver`."""
        presence, manager = self._presence, self._manager
        now = manager._runtime().now
        if messages:
            presence.heard(now())
        for raw in messages:
            # Most of our own are known without being parsed; which, depends on the JSON module.
            if isinstance(raw, bytes) and raw.startswith(self._own_prefix):
                presence.heard_ourselves()
                continue
            message = manager._read(raw)
            if message is None:
                continue
            if message.node == manager.host_id:
                presence.heard_ourselves()
            if isinstance(message, bus.PresenceMessage):
                self._note(message)
            else:
                manager._deliver(message)
        sign = presence.probe(now(), busy=self._linked().publishing)
        if sign is not None:
            self._linked().add_urgent(manager._encode(sign))

    def _note(self, message: bus.PresenceMessage) -> None:
        if message.node == self._manager.host_id:
            return
        runtime, link = self._manager._runtime(), self._linked()
        reply_is_due = self._presence.note(message, runtime.now())
        if not self._presence.held(runtime.now()):
            link.release()
        if reply_is_due:
            # A little later, so that many who come at once get one answer.
            runtime.call_later(uniform(0.01, 0.05), self._reply, link)

    def _reply(self, link: BrokerLink) -> None:
        reply = self._presence.reply()
        if reply is not None:
            link.add_urgent(self._manager._encode(reply))

    def unlinked(self, *, silently: bool) -> None:
        """Remember who was there; see `LinkReceiver`."""
        self._presence.lost(self._manager._runtime().now(), silently=silently)

    def rest(self, waiting: int) -> float | None:
        """Go on for ever; see `LinkReceiver`."""
        return None

    def ended(self) -> None:
        """Note the end; see `LinkReceiver`."""


def presence_times(manager: BusOwner) -> PresenceTimes:
    """Return how patient a manager is with others and the broker."""
    return PresenceTimes(
        probe_interval=manager.probe_interval,
        probe_timeout=manager.probe_timeout,
        others_timeout=manager.others_timeout,
        notice=manager.timeout,
    )


def create_link(
    manager: BusOwner,
    receiver: LinkReceiver,
    outbox: Outbox,
    runtime: Runtime,
    *,
    receive: bool,
) -> BrokerLink:
    """Return a link that is not started, with the drivers of a manager."""
    return BrokerLink(
        create_driver=manager.create_driver,
        receiver=receiver,
        outbox=outbox,
        receive=receive,
        runtime=runtime,
        times=LinkTimes.of(manager),
        name=type(manager).__name__,
        url=without_password(manager.broker_url),
        logger=manager.get_logger(),
    )
