"""The three handlers of a plain Engine.IO server, for an engine that no Socket.IO server owns."""

from __future__ import annotations

import sys
from typing import Any

from .._core.failures import failed
from ..engine.base_handlers import BaseEngineHandlers
from ..engine.in_loop import call_handler
from ..engine.session import Session


class EngineHandlers(BaseEngineHandlers):
    """Calls the application's handlers of `connect`, `message` and `disconnect`."""

    async def session_opened(self, session: Session) -> Any:
        """Ask the connect handler; False or an exception refuses."""
        engine = self._engine
        runtime = engine.runtime
        session.client = runtime.create_lane() if engine.async_handlers else runtime.create_series()
        handler = self._handlers.get("connect")
        if handler is None:
            return None
        try:
            result = await call_handler(handler, session.sid, session.environ)
        except BaseException as error:
            failed(error, engine.logger, "connect handler failed, the client is refused")
            return "Unauthorized"
        if result is False:
            return "Unauthorized"
        return None if result is None or result is True else result

    def message(self, session: Session, data: str | bytes) -> None:
        """Start the message handler."""
        pending = session.client.start(self._call, "message", session, data)
        if pending is not None:
            session.hold(pending, sys.getsizeof(data))

    def session_closed(self, session: Session, reason: str) -> None:
        """Start the disconnect handler."""
        session.client.start_reserved(self._call, "disconnect", session, reason)

    async def _call(self, event: str, session: Session, argument: Any) -> None:
        handler = self._handlers.get(event)
        if handler is None or (session.overrun and event == "message"):
            return
        try:
            await call_handler(handler, session.sid, argument)
        except BaseException as error:
            failed(error, self._engine.logger, "%s handler failed", event)
