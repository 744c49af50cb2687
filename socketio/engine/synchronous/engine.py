"""The threaded Engine.IO server.

Called by async modes with translated requests and by `Server` with packets to send; it serves
plain Engine.IO as well. It knows sessions and transports, never Socket.IO.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from .heartbeats import ThreadedHeartbeats
from .session import ThreadedSession


class Engine(BaseEngine):
    """An Engine.IO server for threads; see `socketio.engine.config.EngineConfig` for options."""

    flavour = "sync"
    session_class = ThreadedSession

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.consumer = HandlerTable(self)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        # The first requests may come at the same time, and must not choose twice.
        self._choice_lock = threading.RLock()
        self.answering: set[Request] = set()
        """HTTP requests without an answer; while the engine stops, those without a whole one."""
        self._clock_lock: Any = None

    @property
    def mode(self) -> AsyncMode:
        """The async mode; it follows from the web server if nothing chose one before."""
        if self._mode is None:
            with self._choice_lock:
                return super().mode
        return self._mode

    def _default_mode(self) -> AsyncMode:
        """Return the first mode, by rank, that works in the thread that asks.

        A web server on greenlets is only recognised from inside it, so the mode is chosen with
        the first request.
        """
        for entry in self.registry.async_modes(self.flavour):
            if entry.detect():
                return self.use_mode(entry.name)
        return self.use_mode("threading")

    @property
    def runtime(self) -> Any:
        """What runs handlers and timers."""
        if self._runtime is None:
            with self._choice_lock:
                if self._runtime is None:
                    self._runtime = self._create_runtime()
        return self._runtime

    def _create_runtime(self) -> Any:
        runtime = self.mode.create_runtime()
        # Locks must be of the kind that the mode's threads can wait for.
        self._clock_lock = runtime.create_lock()
        self.heartbeats = ThreadedHeartbeats(
            self.heartbeats.interval, self.heartbeats.timeout, runtime.create_lock()
        )
        return runtime

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
            self.logger.info("request refused: %s", error)
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
            self.logger.info("websocket refused: %s", error)
            websocket.refuse(error.response())

    def open(self, session: Session) -> None:
        """Open a session: the consumer may refuse it.

        Raises:
            HTTPError: It did.
        """
        try:
            refusal = self.consumer.session_opened(session)
        except BaseException:
            self.sessions.pop(session.sid, None)
            raise
        if refusal is not None:
            self.sessions.pop(session.sid, None)
            raise HTTPError(BAD_REQUEST, refusal, 401)
        assert isinstance(session, ThreadedSession)  # this engine makes no others
        with session.lock:
            if not session.closed:  # the connect handler may have ended it
                self.admit(session)

    # -- time -----------------------------------------------------------------------------

    def expect_join(self, session: Session) -> None:
        """End a session unless `joined` is called for it within `connect_timeout` seconds."""
        with self._clock_lock:
            super().expect_join(session)

    def joined(self, session: Session) -> None:
        """Note that a session has joined a namespace."""
        with self._clock_lock:
            super().joined(session)

    def forget(self, session: Session) -> None:
        """Drop a session that has ended from every table."""
        with self._clock_lock:
            super().forget(session)

    def _schedule(self, now: float) -> None:
        with self._clock_lock:
            super()._schedule(now)

    def _wake_by(self, deadline: float, now: float) -> None:
        with self._clock_lock:
            super()._wake_by(deadline, now)

    def _take_due(self, now: float) -> tuple[list[Session], list[Session], list[Session]]:
        with self._clock_lock:
            return super()._take_due(now)

    def stop_timer(self) -> None:
        """Cancel the timer; it starts again with the next session."""
        with self._clock_lock:
            super().stop_timer()

    # -- plain Engine.IO ------------------------------------------------------------------

    def send(self, sid: str, data: str | bytes) -> None:
        """Send a message to one client; one that is gone is no error.

        Args:
            sid: The session id.
            data: str, or bytes for a binary message.
        """
        self.send_packet(sid, Packet(MESSAGE, data))

    def send_packet(self, sid: str, pkt: Packet) -> None:
        """Send an Engine.IO packet to one client; one that is gone is no error."""
        session = self.sessions.get(sid)
        if session is None:
            self.logger.debug("cannot send to unknown session %s", sid)
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
        """Give the application's data of a session, and save it at the end of the block."""
        data = self.get_session(sid)
        yield data
        self.save_session(sid, data)

    def start(self) -> None:
        """Take new sessions, also after a `shutdown`: test clients start applications again."""
        with self._choice_lock:
            if self.stopping and self._runtime is not None:
                # Timers, threads and the socket loop of the old one have ended for good, the last
                # with the clients that have not said goodbye yet.
                self.runtime.abort_sockets()
                self.stop_timer()
                self._lingering.clear()
                self._runtime = None
            self.stopping = False

    def shutdown(self) -> None:
        """Close all sessions, and give their last packets `close_timeout` seconds to leave."""
        sessions = list(self.sessions.values())
        self.begin_shutdown()
        deadline = self.runtime.now() + self.config.close_timeout
        self.stop_timer()
        while any(session.outbox for session in sessions) and self.runtime.now() < deadline:
            self.runtime.sleep(0.01)
        self.runtime.close()

    def stop(self, seconds: float) -> None:
        """Close all sessions because the process ends: no wait is longer than allowed.

        Args:
            seconds: How long the last packets and the disconnect handlers may take together.
        """
        self.stopping = True
        runtime = self.runtime
        deadline = runtime.now() + seconds
        sessions = list(self.sessions.values())
        for session in sessions:
            session.end(Reason.SERVER_DISCONNECT)
        while (
            self.answering or any(session.outbox for session in sessions)
        ) and runtime.now() < deadline:
            runtime.sleep(0.01)
        runtime.wait_idle(max(deadline - runtime.now(), 0))
        runtime.abort_sockets()

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function in a thread of its own, and return the thread."""
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
