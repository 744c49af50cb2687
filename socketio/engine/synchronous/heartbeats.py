"""Heartbeats whose tables several threads use.

Called by the threaded engine; it adds a lock to the sans-I/O heartbeats.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...protocol.engine import Heartbeats

S = TypeVar("S")


class ThreadedHeartbeats(Heartbeats[S]):
    """When to ping which session, asked by any thread.

    Args:
        interval: Seconds from the answer to one ping (or from the start) to the next ping.
        timeout: Seconds that the client has for its answer.
        lock: Held during each call.
    """

    __slots__ = ("_lock",)

    def __init__(self, interval: float, timeout: float, lock: Any) -> None:
        super().__init__(interval, timeout)
        self._lock = lock

    def add(self, session: S, now: float) -> None:
        """Begin the heartbeat of a session that has just opened."""
        with self._lock:
            super().add(session, now)

    def change(self, interval: float, timeout: float) -> None:
        """Use other times for the sessions to come."""
        with self._lock:
            super().change(interval, timeout)

    def pong(self, session: S, now: float) -> float | None:
        """Note the client's answer; return when the next ping is due if one has asked for it."""
        with self._lock:
            return super().pong(session, now)

    def remove(self, session: S) -> None:
        """End the heartbeat of a session."""
        with self._lock:
            super().remove(session)

    def due(self, now: float) -> tuple[list[S], list[S]]:
        """Return the sessions to ping now and those whose answer is overdue."""
        with self._lock:
            return super().due(now)

    def next_deadline(self) -> float | None:
        """Return the time of the next `due` that will find something, or None."""
        with self._lock:
            return super().next_deadline()
