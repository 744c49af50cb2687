"""The handlers of plain Engine.IO, where no Socket.IO server is the layer above an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.handlers import F
from .session import Consumer, SessionOwner

EVENTS = ("connect", "message", "disconnect")


class BaseEngineHandlers(Consumer):
    """The application's handlers of `connect`, `message` and `disconnect`.

    Args:
        engine: The engine that tells of its sessions.
    """

    def __init__(self, engine: SessionOwner) -> None:
        self._engine = engine
        self._handlers: dict[str, Callable[..., Any]] = {}

    def decorator(self, event: str) -> Callable[[F], F]:
        """Return the decorator that registers a handler; a later one replaces an earlier one.

        Args:
            event: The event's name.

        Raises:
            ValueError: There is no such event.
        """
        if event not in EVENTS:
            raise ValueError(f"Engine.IO has no event {event!r}, only {', '.join(EVENTS)}")

        def register(function: F) -> F:
            self._handlers[event] = function
            return function

        return register
