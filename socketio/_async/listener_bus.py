"""The bus of managers that publish and listen by methods of their own, as python-socketio's do."""

from __future__ import annotations

import threading
import time
from typing import Any

from .._core.logs import escaped
from ..bus.broker_url import without_password
from ..bus.health import HealthState, ManagerHealth
from ..bus.messages import PresenceMessage
from ..runtimes import asynchronous as flavour
from .broker_link import LinkTimes, describe
from .bus_owner import BusOwner


class ListenerBus:
    """Runs a manager's `_listen`, again when it ends, and counts what its `_publish` sends.

    Args:
        manager: The manager.
    """

    def __init__(self, manager: BusOwner) -> None:
        self._manager = manager
        self._task: Any = None
        self._closed = False
        self._state: HealthState = "idle"
        self._since = time.time()
        self._error: str | None = None
        self._published = 0
        self._connections = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begin to listen, unless the manager only writes."""
        if not self._manager.write_only:
            self._task = self._manager._runtime().start_own_task(self._listen_until_closed)

    async def start(self) -> None:
        """Do nothing: connecting is the manager's own affair."""

    async def close(self) -> None:
        """Listen no more."""
        self._closed = True
        if self._task is not None:
            flavour.cancel(self._task)
            self._task = None
            self._set_state("closed")

    def note_published(self) -> None:
        """Count a message; any thread may call this."""
        with self._lock:
            self._published += 1

    def health(self, received: int, malformed: int, duplicates: int) -> ManagerHealth:
        """Return how listening goes, with what the manager has counted."""
        return ManagerHealth(
            state=self._state,
            since=self._since,
            url=without_password(self._manager.broker_url),
            last_error=self._error,
            connections=self._connections,
            reconnects=max(0, self._connections - 1),
            published=self._published,
            received=received,
            malformed=malformed,
            duplicates=duplicates,
        )

    async def _listen_until_closed(self) -> None:
        manager, failures = self._manager, 0
        times = LinkTimes.of(manager)
        while not self._closed:
            began = time.monotonic()
            self._set_state("connected")
            self._connections += 1
            try:
                async for raw in manager._listen():
                    message = manager._read(raw)
                    if not (message is None or isinstance(message, PresenceMessage)):
                        await manager._deliver(message)
                    if self._closed:
                        return
                error = "it ended"
            except Exception as raised:  # whatever the third party's client library raises
                error = describe(raised)
            if self._closed:
                return
            lasted = time.monotonic() - began > times.reconnect_delay_max
            failures = 1 if lasted else failures + 1
            self._error = error
            self._set_state("disconnected")
            manager.get_logger().error(
                "_listen() of %s: %s; it is called again", type(manager).__name__, escaped(error)
            )
            await manager._runtime().sleep(times.delay(failures))

    def _set_state(self, state: HealthState) -> None:
        self._state = state
        self._since = time.time()
