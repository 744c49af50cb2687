"""Handlers of a plain Engine.IO server.

Called by an engine that no Socket.IO server owns; it knows three handlers and calls them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..base import Consumer
from ..session import Session

if TYPE_CHECKING:
    from .engine import AsyncEngine

EVENTS = ("connect", "message", "disconnect")


class HandlerTable(Consumer):
    """The application's handlers of `connect`, `message` and `disconnect`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._handlers: dict[str, Callable[..., Any]] = {}

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register a handler, also as a decorator; a later one replaces an earlier one.

        Raises:
            ValueError: There is no such event.
        """
        if event not in EVENTS:
            raise ValueError(f"Engine.IO has no event {event!r}, only {', '.join(EVENTS)}")
        if handler is None:

            def register(function: Callable[..., Any]) -> Callable[..., Any]:
                self._handlers[event] = function
                return function

            return register
        self._handlers[event] = handler
        return None

    async def session_opened(self, session: Session) -> Any:
        """Ask the connect handler; False or an exception refuses."""
        session.client = (
            None if self._engine.async_handlers else self._engine.runtime.create_series()
        )
        handler = self._handlers.get("connect")
        if handler is None:
            return None
        try:
            result = handler(session.sid, session.environ)
            if inspect.isawaitable(result):
                result = await result
        except Exception:
            self._engine.logger.exception("connect handler failed, the client is refused")
            return "Unauthorized"
        if result is False:
            return "Unauthorized"
        return None if result is None or result is True else result

    def message(self, session: Session, data: str | bytes) -> None:
        """Start the message handler."""
        starter = session.client or self._engine.runtime
        pending = starter.start(self._call, "message", session, data)
        if pending is not None:
            session.hold(pending, len(data))

    def session_closed(self, session: Session, reason: str) -> None:
        """Start the disconnect handler."""
        starter = session.client or self._engine.runtime
        starter.start(self._call, "disconnect", session, reason)

    async def _call(self, event: str, session: Session, argument: Any) -> None:
        handler = self._handlers.get(event)
        if handler is None or (session.overrun and event == "message"):
            return
        try:
            result = handler(session.sid, argument)
            if inspect.isawaitable(result):
                await result
        except Exception:
            self._engine.logger.exception("%s handler failed", event)
