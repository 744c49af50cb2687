# Generated from socketio/_async/bus_owner.py by tools/unasync.py, do not edit.
"""What a manager gives to its way to the other processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Protocol

from ..abc.driver import BusDriver
from ..bus import messages as bus


class BusOwner(Protocol):
    """A manager, as those know it who carry its messages; see `PubSubManager`."""

    host_id: str
    write_only: bool
    timeout: float
    probe_interval: float
    probe_timeout: float
    reconnect_delay: float
    reconnect_delay_max: float
    others_timeout: float
    outbox_messages: int
    outbox_bytes: int

    @property
    def broker_url(self) -> str:
        """Where the broker is, perhaps with a password."""

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet."""

    def get_logger(self) -> logging.Logger:
        """Return where changes are logged."""

    def _listen(self) -> Iterator[Any]:
        """Yield what processes have sent, our own included."""

    def _encode(self, message: dict[str, Any]) -> bytes:
        """Return a message as it travels."""

    def _read(self, raw: Any) -> bus.AnyMessage | None:
        """Return what a message says; None if it is of no expected form."""

    def _deliver(self, message: bus.AnyMessage) -> None:
        """Act on a message of another process."""

    def _runtime(self) -> Any:
        """Return what runs tasks and timers."""
