"""Websocket: a packet is a message, written at once unless something waits before it.

Called by the asyncio engine with each websocket, for a handshake or for the upgrade of a
polling session (Engine.IO 4, "WebSocket" and "Upgrade").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...abc.runtime import Timer
from ...abc.transport import Transport, WebSocket
from ...exceptions import ProtocolError
from ...protocol.engine import (
    NOOP_PACKET,
    PING,
    PROBE,
    PROBE_ANSWER,
    UPGRADE,
    Packet,
    decode_packet,
)
from ..http import BAD_REQUEST, Headers, HTTPError, Request
from ..session import Reason, Session
from .polling import PollingTransport

if TYPE_CHECKING:
    from .engine import AsyncEngine

CLOSE_GRACE = 1.0
"""Seconds beyond `close_timeout` that a closing handshake may take before it is cut short."""

NORMAL = 1000
PROTOCOL_ERROR = 1002


class WebSocketTransport(Transport):
    """A session's websocket."""

    name = "websocket"
    receive: Callable[[str | bytes], None]
    __slots__ = ("_blocked", "_closing", "_probed", "_timer", "_websocket", "receive", "session")

    def __init__(self, session: Session, websocket: WebSocket) -> None:
        self.session = session
        self.receive = session.receive
        self._websocket = websocket
        self._blocked = True  # until the websocket is accepted
        self._closing = False
        self._probed = False
        self._timer: Timer | None = None

    @classmethod
    async def handle_websocket(  # type: ignore[override]  # the asyncio flavour's engine
        cls,
        engine: AsyncEngine,
        request: Request,
        websocket: WebSocket,
        session: Session | None,
    ) -> None:
        """Serve a websocket to its end."""
        if session is None:
            session = engine.create_session(cls, request.environ)
            transport = session.transport = cls(session, websocket)
            headers = engine.handshake_headers(session, request)
            await engine.open(session)
            await transport._serve(headers, engine.open_packet(session))
        else:
            if (
                session.closed
                or session.upgrading is not None
                or cls.name not in engine.upgrades(session.transport_name)
            ):
                raise HTTPError(BAD_REQUEST, "This session cannot be upgraded now")
            transport = session.upgrading = cls(session, websocket)
            transport.receive = transport._receive_probe
            transport._timer = engine.runtime.call_later(
                engine.config.upgrade_timeout, transport._upgrade_timed_out
            )
            await transport._serve([])

    async def _serve(self, headers: Headers, first: Packet | None = None) -> None:
        """Accept the websocket, and take messages until it ends, for whatever reason.

        Args:
            headers: To be sent with the answer.
            first: The packet that opens the session, if this websocket does.
        """
        error: ProtocolError | None = None
        try:
            await self._websocket.accept(headers)
            if first is not None:
                self._send_first(first)
            await self._websocket.serve(self)
        except ProtocolError as broken:
            error = broken
        except OSError as gone:
            self.session.engine.logger.debug("%s: the client is gone: %s", self.session.sid, gone)
        finally:
            self._closing = True
            self._cancel_timer()
            session = self.session
            if session.upgrading is self:
                self._abandon_upgrade()
            elif session.transport is self:
                if error is not None:
                    session.fail(error)
                session.end(Reason.TRANSPORT_CLOSE)

    def _send_first(self, packet: Packet) -> None:
        """Send the handshake before what the consumer has already sent."""
        self._blocked = False
        self.session.enqueue_first(packet)
        self._flush()

    # -- upgrade --------------------------------------------------------------------------

    def _receive_probe(self, message: str | bytes) -> None:
        """Take a message of a websocket that does not carry the session yet."""
        session = self.session
        try:
            packet_type, data = (
                decode_packet(message) if isinstance(message, str) else (None, message)
            )
            if packet_type == PING and data == PROBE and not self._probed:
                session.probe(self.name, session.engine.upgrades(session.transport_name))
                self._probed = True
                self._blocked = False
                self.send(PROBE_ANSWER)
                if isinstance(session.transport, PollingTransport):
                    session.transport.wake()
            elif packet_type == UPGRADE and self._probed:
                self._upgrade()
            else:
                raise ProtocolError(f"{message!r:.40} instead of a probe or an upgrade")
        except ProtocolError as error:
            session.engine.logger.warning("%s: upgrade refused: %s", session.sid, error)
            self._close_websocket(PROTOCOL_ERROR, str(error)[:100])

    def _upgrade(self) -> None:
        session = self.session
        session.upgraded(self.name)
        self._cancel_timer()
        polling = session.transport
        session.transport = self
        session.upgrading = None
        self.receive = session.receive
        if isinstance(polling, PollingTransport):
            polling.wake()
        session.engine.logger.info("%s: upgraded to %s", session.sid, self.name)
        self._flush()

    def _abandon_upgrade(self) -> None:
        """Leave the session where it is: on the transport that it has."""
        self._cancel_timer()
        self.session.upgrading = None
        self.session.upgrade_failed()

    def _upgrade_timed_out(self) -> None:
        self._timer = None
        if self.session.upgrading is self:
            self._abandon_upgrade()
            self._close_websocket(NORMAL, "upgrade timeout")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- sending --------------------------------------------------------------------------

    def send(self, packet: Packet) -> None:
        """Write a packet at once, or behind those that wait already."""
        if self._blocked:  # and only then is the outbox not empty
            self.session.enqueue(packet)
            return
        try:
            pending = self._websocket.write(packet)
        except (OSError, RuntimeError) as error:
            # The reader loop ends too, and reports why; nothing more can be sent.
            self.session.engine.logger.debug("%s: cannot send: %s", self.session.sid, error)
            self._blocked = True
            return
        if pending is not None:
            self._blocked = True
            pending.add_done_callback(self._written)

    def _written(self, pending: Any) -> None:
        """Go on with the outbox when the websocket takes more."""
        if pending.cancelled() or pending.exception() is not None:
            return  # the connection is gone, and its reader loop says so
        self._blocked = False
        self._flush()

    def _flush(self) -> None:
        session = self.session
        while session.outbox and not self._blocked:
            packet = session.next_packet()
            if packet is not NOOP_PACKET:
                self.send(packet)
        if self._closing and not self._blocked:
            self._close_websocket()

    # -- closing --------------------------------------------------------------------------

    def close(self) -> None:
        """Close the websocket when the outbox is empty, or cut it after `close_timeout` seconds."""
        self._cancel_timer()
        if self._closing:
            return
        self._closing = True
        if self._blocked:
            engine = self.session.engine
            self._timer = engine.runtime.call_later(engine.config.close_timeout, self._abort)
        else:
            self._close_websocket()

    def _close_websocket(self, code: int = NORMAL, reason: str = "") -> None:
        self._cancel_timer()
        self._closing = True
        engine = self.session.engine
        closing = engine.runtime.start(self._websocket.close, code, reason)
        if closing is not None:
            # A client that reads nothing would keep the close frame waiting for ever.
            self._timer = engine.runtime.call_later(
                engine.config.close_timeout + CLOSE_GRACE, self._abort
            )
            closing.add_done_callback(lambda _: self._cancel_timer())

    def _abort(self) -> None:
        """Cut the connection of a client that does not read, and free what waits for it."""
        self._timer = None
        session = self.session
        if session.transport is self:
            session.drop_outbox()
        session.engine.logger.info("%s: cut off, it did not read its last packets", session.sid)
        if not self._websocket.abort():
            session.engine.runtime.start(self._websocket.close, NORMAL, "")
