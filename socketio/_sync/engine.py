# Generated from socketio/_async/engine.py by tools/unasync.py, do not edit.
"""The Engine.IO server: handshakes, requests and sessions, with or without Socket.IO above."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._core.logs import escaped, log_id
from ..abc.transport import WebSocket
from ..engine.http import (
    BAD_REQUEST,
    HTTPError,
    Request,
    Response,
    compress,
    refusal,
    text_response,
)
from ..engine.in_threads import ThreadEngine
from ..engine.session import Reason, Session
from ..exceptions import ProtocolError
from ..protocol.engine import MESSAGE, EnginePacket
from .engine_handlers import EngineHandlers


class Engine(ThreadEngine):
    """An Engine.IO server; see `socketio.engine.config.EngineConfig` for its options."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.consumer = EngineHandlers(self)

    # -- requests -------------------------------------------------------------------------

    def handle_request(self, *args: Any, **kwargs: Any) -> Any:
        """Serve one request of the web server, in the terms of the async mode."""
        return self.mode.handle_request(self, *args, **kwargs)

    def handle_http(self, request: Request) -> Response:
        """Answer one HTTP request; never raises for what a client did.

        Args:
            request: The translated request.
        """
        try:
            response = self._answer(request)
        except HTTPError as error:
            self.logger.info("request refused: %s", escaped(error))
            response = error.response()
        response.headers += self.origins.headers(request)
        compress(response, request, self.config)
        return response

    def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return text_response("OK")
        transport, session = self.check_request(request, websocket=False)
        try:
            return transport.handle_http(self, request, session)  # type: ignore[no-any-return]  # the seam serves both flavours
        except NotImplementedError as error:
            raise HTTPError(BAD_REQUEST) from error
        except ProtocolError as error:
            if session is not None:
                session.fail(error)
            raise refusal(error) from error

    def handle_websocket(self, request: Request, websocket: WebSocket) -> None:
        """Serve one websocket to its end; never raises for what a client did.

        Args:
            request: The opening request.
            websocket: Not accepted yet.
        """
        try:
            transport, session = self.check_request(request, websocket=True)
            transport.handle_websocket(self, request, websocket, session)
        except NotImplementedError:
            websocket.refuse(HTTPError(BAD_REQUEST).response())
        except HTTPError as error:
            self.logger.info("websocket refused: %s", escaped(error))
            websocket.refuse(error.response())

    def open(self, session: Session) -> None:
        """Open a session: the consumer may refuse it.

        A session that ends meanwhile, perhaps by its own connect handler, has been opened all the
        same: its client gets the handshake, what was sent to it, and the end.

        Raises:
            HTTPError: The consumer refuses it.
        """
        self._enter()
        session.opening = True
        self.sessions[session.sid] = session  # the connect handler may already send
        try:
            refusal = self.consumer.session_opened(session)
            if refusal is not None:
                raise HTTPError(BAD_REQUEST, refusal, 401)
        except BaseException:
            session.close()
            self.forget(session)
            session.release()
            raise
        with session.lock:
            session.opening = False
            if not session.closed:
                self.admit(session)
                return
        # Who ended it has told nobody: there was nothing yet for the consumer to end.
        self.forget(session)
        self.consumer.session_closed(session, session.ended or Reason.TRANSPORT_CLOSE)

    # -- plain Engine.IO ------------------------------------------------------------------

    def send(self, sid: str, data: str | bytes) -> None:
        """Send a message to one client; one that is gone is no error.

        Args:
            sid: The session id.
            data: str, or bytes for a binary message.
        """
        self.send_packet(sid, EnginePacket(MESSAGE, data))

    def send_packet(self, sid: str, pkt: EnginePacket) -> None:
        """Send an Engine.IO packet to one client; one that is gone is no error."""
        session = self.sessions.get(sid)
        if session is None:
            self.logger.debug("cannot send to unknown session %s", log_id(sid))
        else:
            session.send(pkt)

    def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all of them.

        Args:
            sid: The session id; None for all.
        """
        sessions = list(self.sessions.values()) if sid is None else [self.sessions.get(sid)]
        for session in sessions:
            if session is not None:
                session.end(Reason.SERVER_DISCONNECT)

    def get_session(self, sid: str) -> dict[str, Any]:
        """Return the application's data of a session, a dict that may be changed in place.

        Raises:
            KeyError: There is no such session.
        """
        session = self.session_of(sid)
        if session.storage is None:
            session.storage = {}
        return session.storage

    def save_session(self, sid: str, session: dict[str, Any]) -> None:
        """Replace the application's data of a session.

        Raises:
            KeyError: There is no such session.
        """
        self.session_of(sid).storage = session

    @contextmanager
    def session(self, sid: str) -> Iterator[dict[str, Any]]:
        """Give the application's data of a session, and save it at the end of the block.

        There is nothing to save, and no error, when the session has ended meanwhile.

        Raises:
            KeyError: There is no such session when the block begins.
        """
        data = self.get_session(sid)
        yield data
        try:
            self.save_session(sid, data)
        except KeyError:
            if sid in self.sessions:
                raise
            self.logger.debug("a session ended before its data was saved")

    def start(self) -> None:
        """Take new sessions, also after a `shutdown`: test clients start applications again."""
        self._renew()
        self.stopping = False

    def shutdown(self) -> None:
        """Close all sessions, and give their last packets `close_timeout` seconds to leave."""
        sessions = list(self.sessions.values())
        self.begin_shutdown()
        self.stop_timer()
        deadline = self.runtime.now() + self.config.close_timeout
        while any(session.outbox for session in sessions) and self.runtime.now() < deadline:
            self.runtime.sleep(0.01)
        self.runtime.close()

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function beside the handlers; return a task, or a thread."""
        return self.runtime.start_background_task(target, *args, **kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Wait for a number of seconds."""
        self.runtime.sleep(seconds)

    def create_event(self, *args: Any, **kwargs: Any) -> Any:
        """Return an event of this mode."""
        return self.runtime.create_event(*args, **kwargs)

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """Return a queue of this mode."""
        return self.runtime.create_queue(*args, **kwargs)
