"""Long-polling: packets go out as the answers to GET and come in as the bodies of POST.

Called by the threaded engine with each request of a polling session (Engine.IO 4, "HTTP
long-polling"). A GET that waits holds its thread until there is a packet, at the latest the next
ping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...abc.runtime import Waiter
from ...abc.transport import Transport
from ...protocol.engine import (
    CLOSE_PACKET,
    NOOP_PACKET,
    Packet,
    SessionState,
    decode_payload,
    encode_payload,
)
from ..http import BAD_REQUEST, HTTPError, Request, Response, decode_body, payload_response
from ..session import Reason, Session
from .session import ThreadedSession

if TYPE_CHECKING:
    from .engine import Engine


class PollingTransport(Transport):
    """A session's long-polling connection: at most one GET and one POST at a time."""

    name = "polling"
    session: ThreadedSession
    __slots__ = ("_getting", "_last", "_poll", "_posting", "session")

    def __init__(self, session: Session) -> None:
        assert isinstance(session, ThreadedSession)  # the threaded engine makes no others
        self.session = session
        self._getting = False
        self._poll: Waiter | None = None
        self._posting = False
        self._last: Packet | None = None

    @classmethod
    def handle_http(  # type: ignore[override]  # the threaded flavour's engine
        cls, engine: Engine, request: Request, session: Session | None
    ) -> Response:
        """Answer a handshake, a GET that waits for packets, or a POST that brings some."""
        if session is None:
            return cls._handshake(engine, request)
        transport = session.transport
        if not isinstance(transport, cls):
            raise HTTPError(BAD_REQUEST, f"The session is on {session.transport_name}")
        if request.method == "GET":
            return transport._get(request)
        if request.method == "POST":
            if session.closed:
                raise HTTPError(BAD_REQUEST, "The session has ended")
            return transport._post(request)
        session.fail(f"a {request.method} request")
        raise HTTPError(BAD_REQUEST)

    @classmethod
    def _handshake(cls, engine: Engine, request: Request) -> Response:
        session = engine.create_session(cls, request.environ)
        session.transport = transport = cls(session)
        headers = engine.handshake_headers(session, request)
        engine.open(session)
        packets = [engine.open_packet(session), *transport._take()]
        response = payload_response(request, encode_payload(packets))
        response.headers += headers
        return response

    def _get(self, request: Request) -> Response:
        session = self.session
        with session.lock:
            second = self._getting
            self._getting = True
        if second:
            session.fail("two GET requests at once")
            raise HTTPError(BAD_REQUEST, "Two GET requests of one session at once")
        try:
            self._wait(request)
            packets = self._take()
        finally:
            self._getting = False
        return payload_response(request, encode_payload(packets or [NOOP_PACKET]))

    def _wait(self, request: Request) -> None:
        """Wait until there is something to answer."""
        session = self.session
        engine = session.engine
        with session.lock:
            if session.outbox or session.state is not SessionState.OPEN:
                return
            if session.transport is not self:
                return
            poll: Waiter = engine.runtime.create_waiter()
            self._poll = poll
        gone = request.watch_disconnect(self._client_gone)
        try:
            poll.wait(session.config.ping_interval + session.config.ping_timeout)  # type: ignore[operator]  # numbers after __post_init__
        except TimeoutError:
            # Nobody is pinged here, so nobody notices if the client is gone: let it ask again.
            return
        finally:
            with session.lock:
                self._poll = None
            if gone is not None:
                gone()

    def _take(self) -> list[Packet]:
        """Take what one answer may carry."""
        session = self.session
        packets: list[Packet] = []
        with session.lock:
            if session.transport is not self:
                return packets  # the upgrade is done, and the rest goes out there
            if session.outbox:
                packets = session.take_payload(session.config.max_http_buffer_size)
            if session.closed and not session.outbox:
                if self._last is not None:
                    packets.append(self._last)
                session.engine.fetched(session)
        return packets

    def _post(self, request: Request) -> Response:
        session = self.session
        with session.lock:
            second = self._posting
            self._posting = True
        if second:
            session.fail("two POST requests at once")
            raise HTTPError(BAD_REQUEST, "Two POST requests of one session at once")
        try:
            body = request.read_body(session.config.max_http_buffer_size)
            for packet_type, data in decode_payload(decode_body(request, body)):
                session.receive_packet(packet_type, data)
        finally:
            self._posting = False
        return Response(200, [("Content-Type", "text/html")], b"ok")

    def _client_gone(self) -> None:
        """End the session: packets of a poll that nobody reads would be lost."""
        if self._poll is not None:
            self.session.end(Reason.TRANSPORT_CLOSE)

    def wake(self) -> None:
        """Let a GET that waits return with what there is, or with a noop."""
        with self.session.lock:
            if self._poll is not None:
                self._poll.set(None)

    def send(self, packet: Packet) -> None:
        """Keep a packet for the GET that waits, or for the next one."""
        session = self.session
        with session.lock:
            if session.transport is self:
                session.enqueue(packet)
                self.wake()
                return
        # Another thread has upgraded the session in this moment.
        session.transport.send(packet)

    def close(self) -> None:
        """Let the client fetch what is left, and then the close packet."""
        session = self.session
        with session.lock:
            if session.transport is not self:
                return
            # A client that has closed by itself gets a noop for its GET.
            if session.ended != Reason.CLIENT_DISCONNECT:
                self._last = CLOSE_PACKET
            waiting = self._poll is not None
            self.wake()
            linger = session.ended == Reason.SERVER_DISCONNECT and (session.outbox or not waiting)
        if linger:
            session.engine.linger(session)
