# Generated from socketio/_async/polling.py by tools/unasync.py, do not edit.
"""Long-polling: packets leave as the answers to GET and come in as the bodies of POST.

A GET waits until there is a packet, at the latest for the next ping (Engine.IO 4, "HTTP
long-polling").
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..abc.runtime import Waiter
from ..abc.transport import Transport
from ..engine.http import (
    BAD_REQUEST,
    HTTPError,
    Request,
    Response,
    decode_body,
    payload_response,
)
from ..engine.in_threads import read_body
from ..engine.session import Reason, Session
from ..protocol.engine import (
    CLOSE_PACKET,
    NOOP_PACKET,
    EnginePacket,
    SessionState,
    decode_payload,
    encode_payload,
)

if TYPE_CHECKING:
    from .engine import Engine

UPGRADE_TURN = 0.1
"""Seconds that a poll which comes during an upgrade leaves to the packet that completes it."""

TURN = 0.002
"""Seconds for which the packets of one POST are taken before others have a turn."""

LAST_POLL = 1.0
"""Seconds after the client's close packet in which the poll that it sent beside that may arrive."""


class PollingTransport(Transport):
    """A session's long-polling connection: at most one GET and one POST at a time."""

    name = "polling"
    __slots__ = ("_getting", "_last", "_poll", "_posting", "_resumed", "session")

    session: Session

    def __init__(self, session: Session) -> None:
        self.session = session
        self._getting = False
        self._poll: Waiter | None = None
        self._posting = False
        self._last: EnginePacket | None = None
        self._resumed: Waiter | None = None

    @classmethod
    def handle_http(  # type: ignore[override]  # the flavour's engine
        cls, engine: Engine, request: Request, session: Session | None
    ) -> Response:
        """Answer a handshake, a GET that waits for packets, or a POST that brings some."""
        if session is None:
            return cls._handshake(engine, request)
        transport = session.transport
        if not isinstance(transport, cls):
            # Read only now: another thread may have upgraded or ended it since it was looked up.
            raise _not_here(session)
        if request.method == "GET":
            return transport._get(request)
        if request.method == "POST":
            if session.closed:
                raise _not_here(session)
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

    # -- GET ------------------------------------------------------------------------------

    def _get(self, request: Request) -> Response:
        session = self.session
        with session.lock:
            second = self._getting
            self._getting = True
        if second:
            session.fail("two GET requests at once")
            raise HTTPError(BAD_REQUEST, "Two GET requests of one session at once")
        engine = session.engine
        beside_upgrade = session.upgrading is not None
        try:
            config = session.config
            longest: float = config.ping_interval + config.ping_timeout  # type: ignore[operator]  # a number after __post_init__
            self._wait(request, SessionState.OPEN, longest)
            if beside_upgrade:
                # The upgrade packet may have come together with this poll, on the other connection.
                self._wait(request, SessionState.UPGRADING, UPGRADE_TURN)
                if session.transport is not self:
                    raise _not_here(session)
            packets = self._take()
        except BaseException:
            if session.closed:
                engine.fetched(session)  # as far as it will ever be
            raise
        finally:
            self._getting = False
        return payload_response(request, encode_payload(packets or [NOOP_PACKET]))

    def _wait(self, request: Request, state: SessionState, seconds: float) -> None:
        """Wait until there is something to answer.

        Args:
            request: The request.
            state: The session's, in which there is nothing to answer.
            seconds: How long to wait at most.
        """
        session = self.session
        with session.lock:
            if session.outbox or session.state is not state or session.transport is not self:
                return
            poll: Waiter = session.engine.runtime.create_waiter()
            self._poll = poll
        gone = request.watch_disconnect(self._client_gone)
        try:
            poll.wait(seconds)
        except TimeoutError:
            return  # where nobody is pinged nobody notices that the client is gone: let it ask
        except BaseException:
            # The server has given this request up, as some do when the client has gone.
            session.end(Reason.TRANSPORT_CLOSE)
            raise
        finally:
            with session.lock:
                self._poll = None
            if gone is not None:
                gone()

    def _take(self) -> list[EnginePacket]:
        """Take what one answer may carry."""
        session = self.session
        packets: list[EnginePacket] = []
        with session.lock:
            self._getting = False  # from here on `close` must not count on this answer
            if session.transport is not self:
                return packets  # the upgrade is done, and the rest leaves there
            if session.outbox:
                packets = session.take_payload(session.config.max_http_buffer_size)
            if session.closed and not session.outbox:
                if self._last is not None:
                    packets.append(self._last)
                session.engine.fetched(session)
        return packets

    def _client_gone(self) -> None:
        """End the session: packets of a poll that nobody reads would be lost."""
        session = self.session
        if self._poll is not None and session.transport is self:
            session.end(Reason.TRANSPORT_CLOSE)

    # -- POST -----------------------------------------------------------------------------

    def _post(self, request: Request) -> Response:
        session = self.session
        with session.lock:
            second = self._posting
            self._posting = True
        if second:
            session.fail("two POST requests at once")
            raise HTTPError(BAD_REQUEST, "Two POST requests of one session at once")
        config = session.config
        try:
            body = read_body(request, config.max_http_buffer_size, config.body_timeout)
            self._receive(decode_body(request, body))
        finally:
            self._posting = False
        return Response(200, [("Content-Type", "text/html")], b"ok")

    def _receive(self, payload: str) -> None:
        """Take the packets of a payload, no more at once than others can wait for.

        It is not answered before the handlers have caught up with the client: so it sends no more.
        """
        session = self.session
        runtime = session.engine.runtime
        turn_ends = time.monotonic() + TURN
        for packet_type, data in decode_payload(payload):
            if session.paused:
                self._wait_for_handlers()
                turn_ends = time.monotonic() + TURN
            elif time.monotonic() > turn_ends:
                runtime.sleep(0)
                turn_ends = time.monotonic() + TURN
            session.receive_packet(packet_type, data)
        self._wait_for_handlers()

    def _wait_for_handlers(self) -> None:
        """Wait until reading may go on."""
        session = self.session
        with session.lock:
            if not session.paused or session.transport is not self:
                return  # what an upgrade has overtaken goes on
            self._resumed = resumed = session.engine.runtime.create_waiter()
        resumed.wait()

    def was_behind(self) -> bool:
        """Tell whether a POST is being taken: the client sends no other one meanwhile."""
        return self._posting

    def resume_reading(self) -> None:
        """Go on with a POST that waits for handlers."""
        if self._resumed is not None:
            resumed, self._resumed = self._resumed, None
            resumed.set(None)

    # -- sending and closing --------------------------------------------------------------

    def wake(self) -> None:
        """Let a GET that waits return with what there is, or with a noop."""
        with self.session.lock:
            if self._poll is not None:
                self._poll.set(None)

    def send(self, packet: EnginePacket) -> None:
        """Keep a packet for the GET that waits, or for the next one."""
        session = self.session
        with session.lock:
            if session.transport is self:
                session.enqueue(packet)
                self.wake()
                return
        # Another thread has upgraded or ended the session in this moment.
        session.transport.send(packet)

    def close(self) -> None:
        """Let the client fetch what is left, and then the close packet."""
        session = self.session
        with session.lock:
            if session.transport is not self:
                return
            left = bool(session.outbox)
            # A client that has closed by itself gets a noop for its GET.
            if session.ended != Reason.CLIENT_DISCONNECT:
                self._last = CLOSE_PACKET
            answers = self._getting
            self.wake()
        engine = session.engine
        if session.opening:
            return  # the answer to the handshake tells it all
        if session.ended == Reason.SERVER_DISCONNECT and (left or not answers):
            engine.linger(session)
        elif session.ended == Reason.CLIENT_DISCONNECT and not answers:
            engine.linger(session, LAST_POLL)
        elif not answers:
            session.release()


def _not_here(session: Session) -> HTTPError:
    """Return the refusal of a request for a session that polling does not carry any more."""
    if session.closed:
        return HTTPError(BAD_REQUEST, "The session has ended")
    return HTTPError(BAD_REQUEST, f"The session is on {session.transport_name}")
