"""Long-polling: packets go out as the answers to GET and come in as the bodies of POST.

Called by the asyncio engine with each request of a polling session (Engine.IO 4, "HTTP
long-polling").
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ...abc.transport import Transport
from ...protocol.engine import (
    CLOSE_PACKET,
    NOOP_PACKET,
    Packet,
    SessionState,
    decode_payload,
    encode_payload,
)
from ..http import (
    BAD_REQUEST,
    BodyTooSlow,
    HTTPError,
    Request,
    Response,
    decode_body,
    payload_response,
)
from ..session import Reason, Session

if TYPE_CHECKING:
    from .engine import AsyncEngine


class PollingTransport(Transport):
    """A session's long-polling connection: at most one GET and one POST at a time."""

    name = "polling"
    __slots__ = ("_last", "_poll", "_posting", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self._poll: asyncio.Future[None] | None = None
        self._posting = False
        self._last: Packet | None = None

    @classmethod
    async def handle_http(  # type: ignore[override]  # the asyncio flavour's engine
        cls, engine: AsyncEngine, request: Request, session: Session | None
    ) -> Response:
        """Answer a handshake, a GET that waits for packets, or a POST that brings some."""
        if session is None:
            return await cls._handshake(engine, request)
        transport = session.transport
        if not isinstance(transport, cls):
            raise HTTPError(BAD_REQUEST, f"The session is on {session.transport_name}")
        if request.method == "GET":
            return await transport._get(request)
        if request.method == "POST":
            if session.closed:
                raise HTTPError(BAD_REQUEST, "The session has ended")
            return await transport._post(request)
        session.fail(f"a {request.method} request")
        raise HTTPError(BAD_REQUEST)

    @classmethod
    async def _handshake(cls, engine: AsyncEngine, request: Request) -> Response:
        session = engine.create_session(cls, request.environ)
        session.transport = cls(session)
        headers = engine.handshake_headers(session, request)
        await engine.open(session)
        packets = [engine.open_packet(session)]
        if session.outbox:
            packets += session.take_payload(session.config.max_http_buffer_size)
        response = payload_response(request, encode_payload(packets))
        response.headers += headers
        return response

    async def _get(self, request: Request) -> Response:
        session = self.session
        if self._poll is not None:
            session.fail("two GET requests at once")
            raise HTTPError(BAD_REQUEST, "Two GET requests of one session at once")
        if not session.outbox and not session.closed:
            if session.state is SessionState.UPGRADING:
                return payload_response(request, NOOP_PACKET.polling)
            self._poll = asyncio.get_running_loop().create_future()
            gone = request.watch_disconnect(self._client_gone)
            try:
                await self._poll
            except asyncio.CancelledError:
                # Some servers cancel the request of a client that has gone.
                session.end(Reason.TRANSPORT_CLOSE)
                raise
            finally:
                self._poll = None
                if gone is not None:
                    gone()
        engine = session.engine
        packets: list[Packet] = []
        if session.outbox:
            packets = session.take_payload(session.config.max_http_buffer_size)
        if session.closed and not session.outbox:
            if self._last is not None:
                packets.append(self._last)
            engine.fetched(session)
        return payload_response(request, encode_payload(packets or [NOOP_PACKET]))

    async def _post(self, request: Request) -> Response:
        session = self.session
        if self._posting:
            session.fail("two POST requests at once")
            raise HTTPError(BAD_REQUEST, "Two POST requests of one session at once")
        self._posting = True
        config = session.config
        try:
            async with asyncio.timeout(config.body_timeout):
                body = await request.read_body(config.max_http_buffer_size)
        except TimeoutError as error:
            raise BodyTooSlow(config.body_timeout) from error
        finally:
            self._posting = False
        for packet_type, data in decode_payload(decode_body(request, body)):
            session.receive_packet(packet_type, data)
        return Response(200, [("Content-Type", "text/html")], b"ok")

    def _client_gone(self) -> None:
        """End the session: packets of a poll that nobody reads would be lost."""
        if self._poll is not None and not self._poll.done():
            self.session.end(Reason.TRANSPORT_CLOSE)

    def wake(self) -> None:
        """Let a GET that waits return with what there is, or with a noop."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def send(self, packet: Packet) -> None:
        """Keep a packet for the GET that waits, or for the next one."""
        self.session.enqueue(packet)
        if self._poll is not None:
            self.wake()

    def close(self) -> None:
        """Let the client fetch what is left, and then the close packet."""
        session = self.session
        if session.transport is not self:
            return
        # A client that has closed by itself gets a noop for its GET.
        if session.ended != Reason.CLIENT_DISCONNECT:
            self._last = CLOSE_PACKET
        waiting = self._poll is not None
        self.wake()
        if session.ended == Reason.SERVER_DISCONNECT and (session.outbox or not waiting):
            session.engine.linger(session)
