"""Websockets: a packet is a message, written at once unless something waits before it.

One carries a session from its handshake on, or takes over a session that began with polling
(Engine.IO 4, "WebSocket" and "Upgrade").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._core.logs import escaped
from ..abc.transport import WebSocket
from ..engine.ended import ENDED_WEBSOCKET
from ..engine.http import BAD_REQUEST, Headers, HTTPError, Request
from ..engine.in_loop import WebSocketOutput, in_context
from ..engine.session import Reason, Session
from ..exceptions import ProtocolError
from ..protocol.engine import (
    NOOP_PACKET,
    PING,
    PROBE,
    PROBE_ANSWER,
    UPGRADE,
    EnginePacket,
    decode_packet,
)
from .polling import PollingTransport

if TYPE_CHECKING:
    from .engine import AsyncEngine

CLOSE_GRACE = 1.0
"""Seconds beyond `close_timeout` that a closing handshake may take before it is cut short."""

NORMAL = 1000
PROTOCOL_ERROR = 1002


class WebSocketTransport(WebSocketOutput):
    """A session's websocket."""

    name = "websocket"
    receive: Callable[[str | bytes], None]
    __slots__ = ("_late", "_probed", "_receive_session", "receive")

    def __init__(self, session: Session, websocket: WebSocket) -> None:
        self.session = session
        self.receive = self._receive_session = in_context(session.receive)
        self._websocket = websocket
        self._blocked = True
        self._closing = False
        self._late = False
        self._probed = False
        self._timer = None

    @classmethod
    async def handle_websocket(  # type: ignore[override]  # the flavour's engine
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
            headers = engine.handshake_headers(session, request) + engine.websocket_headers(request)
            try:
                await engine.open(session)
            except BaseException:
                transport._cancel_timer()
                raise
            await transport._serve(headers, engine.open_packet(session))
        else:
            transport = cls(session, websocket)
            transport._begin_upgrade(engine)
            await transport._serve(engine.websocket_headers(request))

    async def _serve(self, headers: Headers, first: EnginePacket | None = None) -> None:
        """Accept the websocket, and take messages until it ends, for whatever reason.

        Args:
            headers: To be sent with the answer.
            first: The packet that opens the session, if this websocket does.
        """
        session = self.session
        try:
            await self._websocket.accept(headers)
            self._accepted(first)
            await self._websocket.serve(self)
        except ProtocolError as error:
            if session.transport is self:
                session.fail(error)
        except OSError as gone:
            session.engine.logger.debug("%s: the client is gone: %s", session.log_id, escaped(gone))
        finally:
            self._closing = True
            self._cancel_timer()
            if not self._abandon_upgrade() and session.transport is self:
                session.end(Reason.TRANSPORT_CLOSE)
                self._cancel_timer()
                session.release()
            self._ended()

    def _accepted(self, first: EnginePacket | None) -> None:
        """Send the handshake before what the consumer has already sent."""
        session = self.session
        with session.lock:
            self._blocked = False
            if first is not None:
                session.enqueue_first(first)
            self._flush()
        if self._late:
            # Only when it is served, so that the closing handshake takes its usual way.
            self._timer = session.engine.runtime.call_later(0, self._close_late)

    def _ended(self) -> None:
        """Let go of the websocket, and of the session as far as late calls allow it.

        Web servers keep their own connection objects, and so this transport, until the garbage
        collector comes by.
        """
        self.receive = self._receive_session = _ignore
        with self.session.lock:
            self._blocked = True
            self._websocket = ENDED_WEBSOCKET
        self._let_go()

    # -- receiving ------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Take no more of the client until handlers have caught up."""
        self._websocket.pause_reading()

    def resume_reading(self) -> None:
        """Go on taking what the client sends."""
        self._websocket.resume_reading()

    def was_behind(self) -> bool:
        """Tell whether messages of the client had to wait for others' turns."""
        return self._websocket.was_behind()

    # -- upgrade --------------------------------------------------------------------------

    def _begin_upgrade(self, engine: AsyncEngine) -> None:
        """Note that this websocket means to take the session over.

        One that comes too late, because the session is on a websocket already or another one is
        about to take it over, is accepted and then closed: clients know no reason for a refusal.

        Raises:
            HTTPError: The session has ended, or no upgrade is offered.
        """
        session = self.session
        with session.lock:
            late = session.upgrading is not None or session.transport_name == self.name
            if session.closed or not (late or self.name in engine.upgrades(session.transport_name)):
                raise HTTPError(BAD_REQUEST, "This session cannot be upgraded")
            if not late:
                session.upgrading = self
        self._late = late
        self.receive = _ignore if late else self._receive_probe
        if not late:
            self._timer = engine.runtime.call_later(
                engine.config.upgrade_timeout, self._upgrade_timed_out
            )

    def _receive_probe(self, message: str | bytes) -> None:
        """Take a message of a websocket that does not carry the session yet."""
        session = self.session
        try:
            packet_type, data = (
                decode_packet(message) if isinstance(message, str) else (None, message)
            )
            if packet_type == PING and data == PROBE and not self._probed:
                with session.lock:
                    session.probe(self.name, session.engine.upgrades(session.transport_name))
                    self._probed = True
                    self._write(PROBE_ANSWER)
                    if isinstance(session.transport, PollingTransport):
                        session.transport.wake()
            elif packet_type == UPGRADE and self._probed:
                self._upgrade()
            else:
                raise ProtocolError(f"{message!r:.40} instead of a probe or an upgrade")
        except ProtocolError as error:
            session.engine.logger.warning("%s: upgrade refused: %s", session.log_id, escaped(error))
            self._close_websocket(PROTOCOL_ERROR, str(error)[:100])

    def _upgrade(self) -> None:
        """Carry the session from now on: first what polling has left, then everything new."""
        session = self.session
        with session.lock:
            session.upgraded(self.name)
            self._cancel_timer()
            polling = session.transport
            session.transport = self
            session.upgrading = None
            self.receive = self._receive_session
            if isinstance(polling, PollingTransport):
                polling.wake()
            polling.resume_reading()
            if session.paused:
                self.pause_reading()
            self._flush()
        session.engine.logger.info("%s: upgraded to %s", session.log_id, self.name)
        # Not with the lock held: who is told may send to other sessions.
        session.engine.consumer.session_upgraded(session)

    def _abandon_upgrade(self) -> bool:
        """Leave the session where it is, on the transport that it has.

        Returns:
            Whether there was an upgrade to abandon.
        """
        session = self.session
        with session.lock:
            if session.upgrading is not self:
                return False
            session.upgrading = None
            session.upgrade_failed()
        self._cancel_timer()
        return True

    def _upgrade_timed_out(self) -> None:
        if self._abandon_upgrade():
            self._close_websocket(NORMAL, "upgrade timeout")

    def _close_late(self) -> None:
        self._close_websocket(NORMAL, "the session is on another websocket")

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # -- sending --------------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what waits, as far as the websocket takes it; called with the lock held.

        While the session is on another transport, what waits is for that one.
        """
        session = self.session
        while session.outbox and session.transport is self and not self._blocked:
            packet = session.next_packet()
            if packet is not NOOP_PACKET:
                self._write(packet)
        if self._closing and not self._blocked:
            self._close_websocket()

    # -- closing --------------------------------------------------------------------------

    def close(self) -> None:
        """Close the websocket when the outbox is empty, or cut it after `close_timeout` seconds."""
        self._cancel_timer()
        with self.session.lock:
            if self._closing:
                return
            self._closing = True
            if self._blocked:
                engine = self.session.engine
                self._timer = engine.runtime.call_later(engine.config.close_timeout, self._abort)
                return
        self._close_websocket()

    def _close_websocket(self, code: int = NORMAL, reason: str = "") -> None:
        self._cancel_timer()
        self._closing = True
        if self._websocket is ENDED_WEBSOCKET:
            return
        engine = self.session.engine
        closing = self._start_close(code, reason)
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
        with session.lock:
            if session.transport is self:
                session.drop_outbox()
        session.engine.logger.info("%s: cut off, it did not read its last packets", session.log_id)
        if not self._websocket.abort():
            self._start_close(NORMAL, "")


def _ignore(message: str | bytes) -> None:
    """Take a message of a websocket that is about to be closed."""
