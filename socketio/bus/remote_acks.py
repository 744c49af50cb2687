"""Callbacks that wait for the answer of a client of whatever process (a data structure)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_PENDING = 100_000
"""How many callbacks wait at most; the oldest one makes room for a new one."""

MAX_AGE = 3600.0
"""For how many seconds a callback waits at most."""


@dataclass(slots=True)
class _Pending:
    callback: Callable[..., Any]
    room: Any
    namespace: str
    expires: float
    answered: set[str] = field(default_factory=set)


class RemoteAcks:
    """Hands out the ids under which answers come back over the bus.

    An event to a single client has one answer. One to a room has an answer from each client that
    sends one, and nobody knows how many there will be: its callback waits until it is too old.
    Any thread may use it.
    """

    def __init__(self) -> None:
        self._next = 1
        self._pending: dict[int, _Pending] = {}
        self._ids: dict[int, dict[int, None]] = {}
        """Under which ids each callback waits, by `id()` of the callback."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, callback: Callable[..., Any], room: Any, namespace: str, now: float) -> int:
        """Keep a callback and return the id for its answers.

        Args:
            callback: What the answers are for.
            room: To whom the event goes.
            namespace: In which namespace.
            now: The time in seconds.
        """
        with self._lock:
            self._expire(now)
            ack_id = self._next
            self._next += 1
            self._pending[ack_id] = _Pending(callback, room, namespace, now + MAX_AGE)
            self._ids.setdefault(id(callback), {})[ack_id] = None
            return ack_id

    def answer(
        self, ack_id: int, room: Any, namespace: str, client: str | None, now: float
    ) -> Callable[..., Any] | None:
        """Take an answer.

        Args:
            ack_id: The id that `add` gave.
            room: To whom the event went.
            namespace: In which namespace.
            client: Who answers; None if its process did not say.
            now: The time in seconds.

        Returns:
            The callback to call, or None for an unknown, late or repeated answer.
        """
        with self._lock:
            pending = self._pending.get(ack_id)
            if (
                pending is None
                or pending.room != room
                or pending.namespace != namespace
                or pending.expires < now
            ):
                return None
            if client is None or client == room:
                # A single client, or a process that does not tell its clients apart: once.
                self._remove(ack_id)
            elif client in pending.answered:
                return None
            else:
                pending.answered.add(client)
            return pending.callback

    def forget(self, callback: Callable[..., Any]) -> None:
        """Forget a callback for which nobody waits any more; harmless when it is unknown."""
        with self._lock:
            for ack_id in list(self._ids.get(id(callback), ())):
                self._remove(ack_id)

    def clear(self) -> None:
        """Forget all callbacks."""
        with self._lock:
            self._pending.clear()
            self._ids.clear()

    def _remove(self, ack_id: int) -> None:
        key = id(self._pending.pop(ack_id).callback)
        ids = self._ids[key]
        del ids[ack_id]
        if not ids:
            del self._ids[key]

    def _expire(self, now: float) -> None:
        # The oldest stand first.
        while self._pending:
            first = next(iter(self._pending))
            if self._pending[first].expires >= now and len(self._pending) < MAX_PENDING:
                return
            self._remove(first)
