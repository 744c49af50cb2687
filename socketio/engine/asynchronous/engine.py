"""The asyncio Engine.IO server.

Called by async modes with translated requests and by `AsyncServer` with packets to send; it
serves plain Engine.IO as well. It knows sessions and transports, never Socket.IO.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ...abc.mode import AsyncMode
from ...abc.transport import WebSocket
from ...exceptions import ProtocolError
from ...protocol.engine import MESSAGE, Packet
from ..base import BaseEngine
from ..http import (
    BAD_REQUEST,
    HTTPError,
    Request,
    Response,
    compress,
    refusal,
    text_response,
)
from ..session import Reason, Session
from .handlers import HandlerTable


class AsyncEngine(BaseEngine):
    """An Engine.IO server for asyncio; see `socketio.engine.config.EngineConfig` for options."""

    flavour = "async"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.consumer = HandlerTable(self)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop of the clients; None before the first one."""

    def _default_mode(self) -> AsyncMode:
        return self.use_mode("asgi")

    # -- requests -------------------------------------------------------------------------

    async def handle_request(self, *args: Any, **kwargs: Any) -> Any:
        """Serve one request of the web server, in the terms of the async mode."""
        return await self.mode.handle_request(self, *args, **kwargs)

    async def handle_http(self, request: Request) -> Response:
        """Answer one HTTP request; never raises for what a client did.

        Args:
            request: The translated request.
        """
        try:
            response = await self._answer(request)
        except HTTPError as error:
            self.logger.info("request refused: %s", error)
            response = error.response()
        response.headers += self.origins.headers(request)
        compress(response, request, self.config)
        return response

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return text_response("OK")
        transport, session = self.check_request(request, websocket=False)
        try:
            return await transport.handle_http(self, request, session)  # type: ignore[no-any-return]  # the seam serves both flavours
        except NotImplementedError as error:
            raise HTTPError(BAD_REQUEST) from error
        except ProtocolError as error:
            if session is not None:
                session.fail(error)
            raise refusal(error) from error

    async def handle_websocket(self, request: Request, websocket: WebSocket) -> None:
        """Serve one websocket to its end; never raises for what a client did.

        Args:
            request: The opening request.
            websocket: Not accepted yet.
        """
        try:
            transport, session = self.check_request(request, websocket=True)
            await transport.handle_websocket(self, request, websocket, session)
        except NotImplementedError:
            await websocket.refuse(HTTPError(BAD_REQUEST).response())
        except HTTPError as error:
            self.logger.info("websocket refused: %s", error)
            await websocket.refuse(error.response())

    async def open(self, session: Session) -> None:
        """Open a session: the consumer may refuse it.

        Raises:
            HTTPError: It did.
        """
        self.loop = self.runtime.bind()
        self.sessions[session.sid] = session  # the connect handler may already send
        try:
            refusal = await self.consumer.session_opened(session)
        except BaseException:
            self.sessions.pop(session.sid, None)
            raise
        if refusal is not None or session.closed:  # the connect handler may have ended it
            self.sessions.pop(session.sid, None)
            raise HTTPError(BAD_REQUEST, refusal or "Unauthorized", 401)
        self.admit(session)

    # -- plain Engine.IO ------------------------------------------------------------------

    async def send(self, sid: str, data: str | bytes) -> None:
        """Send a message to one client; one that is gone is no error.

        Args:
            sid: The session id.
            data: str, or bytes for a binary message.
        """
        await self.send_packet(sid, Packet(MESSAGE, data))

    async def send_packet(self, sid: str, pkt: Packet) -> None:
        """Send an Engine.IO packet to one client; one that is gone is no error."""
        session = self.sessions.get(sid)
        if session is None:
            self.logger.debug("cannot send to unknown session %s", sid)
        else:
            session.send(pkt)

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all of them.

        Args:
            sid: The session id; None for all.
        """
        sessions = list(self.sessions.values()) if sid is None else [self.sessions.get(sid)]
        for session in sessions:
            if session is not None:
                session.end(Reason.SERVER_DISCONNECT)

    async def get_session(self, sid: str) -> dict[str, Any]:
        """Return the application's data of a session, a dict that may be changed in place.

        Raises:
            KeyError: There is no such session.
        """
        session = self.session_of(sid)
        if session.storage is None:
            session.storage = {}
        return session.storage

    async def save_session(self, sid: str, session: dict[str, Any]) -> None:
        """Replace the application's data of a session.

        Raises:
            KeyError: There is no such session.
        """
        self.session_of(sid).storage = session

    @asynccontextmanager
    async def session(self, sid: str) -> AsyncIterator[dict[str, Any]]:
        """Give the application's data of a session, and save it at the end of the block."""
        data = await self.get_session(sid)
        yield data
        await self.save_session(sid, data)

    async def start(self) -> None:
        """Take new sessions, also after a `shutdown`: test clients start applications again."""
        self.loop = self.runtime.bind()
        self.stopping = False

    async def shutdown(self) -> None:
        """Close all sessions, and give their last packets `close_timeout` seconds to leave."""
        sessions = list(self.sessions.values())
        self.begin_shutdown()
        self.stop_timer()
        deadline = self.runtime.now() + self.config.close_timeout
        while any(session.outbox for session in sessions) and self.runtime.now() < deadline:
            await asyncio.sleep(0.01)
        self.runtime.close()

    def start_background_task(
        self, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Run a coroutine function as a task."""
        return self.runtime.start_background_task(target, *args, **kwargs)  # type: ignore[no-any-return]  # the seam serves both flavours

    async def sleep(self, seconds: float = 0) -> None:
        """Wait for a number of seconds."""
        await self.runtime.sleep(seconds)

    def create_event(self, *args: Any, **kwargs: Any) -> Any:
        """Return an event of this mode."""
        return self.runtime.create_event(*args, **kwargs)

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """Return a queue of this mode."""
        return self.runtime.create_queue(*args, **kwargs)
