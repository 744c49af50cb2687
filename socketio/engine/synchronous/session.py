"""A session that several threads use at once.

Called by transports, servers and the timers' thread; it adds to the session of both flavours what
keeps its invariants among threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...protocol.engine import Packet
from ..base import BaseEngine
from ..session import Session


class ThreadedSession(Session):
    """A client's connection, used by any thread."""

    __slots__ = ("lock",)

    lock: Any
    """Held, never for long, by whoever changes the state, the transport or the outbox."""

    def __init__(
        self, engine: BaseEngine, sid: str, transport_name: str, environ: dict[str, Any]
    ) -> None:
        super().__init__(engine, sid, transport_name, environ)
        self.lock = engine.runtime.create_lock()

    def _hand_over(self, packets: Iterable[Packet]) -> None:
        """Send packets that belong together, with nothing of another thread in between."""
        with self.lock:
            super()._hand_over(packets)

    def _count(self, size: int) -> int:
        with self.lock:
            return super()._count(size)

    def close(self) -> bool:
        """End the session; True for the one thread that was first."""
        with self.lock:
            return super().close()
