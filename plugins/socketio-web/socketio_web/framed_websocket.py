"""A websocket whose frames are read and written by ourselves, in an event loop.

Called by the modes of frameworks that give their connection away; it knows frames, and leaves
reading and writing bytes to subclasses. `TransportWebSocket` is one on an asyncio transport.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from socketio.abc.transport import MAX_CORKED, Receiver, WebSocket
from socketio.engine.http import Headers
from socketio.protocol.engine import Packet
from socketio.protocol.websocket import (
    CLOSE,
    NO_STATUS,
    NORMAL,
    PING,
    PONG,
    BrokenStream,
    ControlFrame,
    FrameParser,
    Received,
    WebSocketError,
    answer_handshake,
    encode_close,
    encode_control,
    encode_frame,
    handshake_key,
)

if TYPE_CHECKING:
    from socketio.engine.asynchronous.engine import AsyncEngine
    from socketio.engine.http import Request

STOPPING_SECONDS = 0.5
"""How long a client has to answer a close frame when the whole server stops."""


class FramedWebSocket(WebSocket):
    """A websocket on a connection that is ours, without extensions.

    Args:
        engine: The engine that it is for.
        request: The opening request.

    Raises:
        WebSocketError: The request is no valid opening handshake.
    """

    accepted: bool
    """Whether the opening handshake is complete."""
    close_sent: bool
    """Whether nothing more may be sent."""

    def __init__(self, engine: AsyncEngine, request: Request) -> None:
        self.engine = engine
        self.accepted = False
        self.close_sent = False
        self.parser = FrameParser(engine.config.max_http_buffer_size)
        self._key = handshake_key(request.header)
        self._corked: list[bytes] | None = None
        self._corked_size = 0
        self._timer: asyncio.TimerHandle | None = None

    # -- what subclasses do with bytes ----------------------------------------------------

    @abstractmethod
    def output(self, data: bytes) -> Any:
        """Write bytes; return what tells when more may be written, or None at once.

        Raises:
            OSError: The connection is gone.
        """

    @abstractmethod
    def hang_up(self) -> None:
        """End the connection when everything is written; `serve` then returns."""

    # -- for the transport ----------------------------------------------------------------

    def answer_handshake(self, headers: Headers) -> None:
        """Complete the opening handshake; a client that has gone is noticed by `serve`."""
        self.accepted = True
        try:
            self.output(answer_handshake(self._key, headers))
        except OSError as error:
            self.engine.logger.debug("cannot accept a websocket: %s", error)

    def write(self, packet: Packet) -> Any:
        """Send one message; see `WebSocket.write`."""
        if self.close_sent:
            raise ConnectionResetError("the websocket is closed")
        frame: bytes | None = packet.wire
        if frame is None:
            frame = packet.wire = encode_frame(packet.websocket)
        if self._corked is None:
            return self.output(frame)
        self._corked.append(frame)
        self._corked_size += len(frame)
        if self._corked_size <= MAX_CORKED:
            return None
        # From here on the connection says whether the client reads.
        pending = self._uncork()
        self._corked = []
        return pending

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Send a close frame; the client has `close_timeout` seconds for its answer.

        It has less time when the server stops.
        """
        if self.close_sent or not self.accepted:
            return
        self._control(encode_close(code, reason))
        self.close_sent = True
        seconds = self.engine.config.close_timeout
        if self.engine.stopping:
            seconds = min(seconds, STOPPING_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(seconds, self.hang_up)

    # -- for whoever reads ----------------------------------------------------------------

    def deliver(self, receiver: Receiver, data: bytes) -> None:
        """Deal with what one read has brought, and let the answers out in one write.

        Raises:
            WebSocketError: The client broke the protocol; the close frame is sent.
        """
        broken: WebSocketError | None = None
        try:
            messages: list[Received] = self.parser.feed(data)
        except BrokenStream as error:
            messages, broken = error.received, error
        self._corked = []
        try:
            for message in messages:
                if isinstance(message, ControlFrame):
                    self._answer(message)
                else:
                    receiver.receive(message)
            if broken is not None and not self.close_sent:
                self._control(encode_close(broken.code, broken.reason))
                self.close_sent = True
        finally:
            self._uncork()
        if broken is not None:
            raise broken

    def ended(self) -> None:
        """Note that nothing more is read."""
        self.close_sent = True
        if self._timer is not None:
            self._timer.cancel()

    def _uncork(self) -> Any:
        """Write what was kept; return what `output` says."""
        frames, self._corked, self._corked_size = self._corked, None, 0
        if frames:
            try:
                return self.output(frames[0] if len(frames) == 1 else b"".join(frames))
            except OSError as error:  # whoever reads finds out too
                self.engine.logger.debug("cannot send: %r", error)
        return None

    def _answer(self, frame: ControlFrame) -> None:
        if frame.opcode == PING:
            self._control(encode_control(PONG, frame.payload))
        elif frame.opcode == CLOSE:
            if not self.close_sent:
                self._control(encode_close(NORMAL if frame.code == NO_STATUS else frame.code))
            self.close_sent = True

    def _control(self, frame: bytes) -> None:
        if self.close_sent:
            return
        if self._corked is not None:
            self._corked.append(frame)
            return
        try:
            self.output(frame)
        except OSError as error:  # whoever reads finds out too
            self.engine.logger.debug("cannot send: %r", error)


class TransportWebSocket(FramedWebSocket, asyncio.Protocol):
    """A websocket on an asyncio transport that is taken from the web server's protocol.

    The server's protocol is told when the connection ends, and nothing in between.

    Args:
        engine: The engine that it is for.
        request: The opening request.
        transport: The connection.
        early: What was read after the opening request.

    Raises:
        WebSocketError: The request is no valid opening handshake.
    """

    def __init__(
        self, engine: AsyncEngine, request: Request, transport: asyncio.Transport, early: bytes
    ) -> None:
        super().__init__(engine, request)
        loop = asyncio.get_running_loop()
        self._transport = transport
        self._before = transport.get_protocol()
        self._early = early
        self._receiver: Receiver | None = None
        self._end: asyncio.Future[None] = loop.create_future()
        self._paused: asyncio.Future[None] | None = None

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self._transport.set_protocol(self)
        self.answer_handshake(headers)

    async def refuse(self, response: object) -> None:
        """Close the websocket; the mode answers what was not accepted."""
        await self.close(1008)

    async def serve(self, transport: Receiver) -> None:
        """Wait while every message is handed to the transport; see `WebSocket.serve`."""
        self._receiver = transport
        if self._early:
            self.data_received(self._early)
        if not self._transport.is_closing():
            self._transport.resume_reading()
        try:
            await self._end
        finally:
            self.ended()

    def output(self, data: bytes) -> Any:
        """Write bytes."""
        if self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        return self._paused

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self.close_sent = True
        self._transport.abort()
        return True

    def hang_up(self) -> None:
        """End the connection when everything is written, or after `close_timeout` seconds."""
        self._transport.close()
        seconds = self.engine.config.close_timeout
        asyncio.get_running_loop().call_later(seconds, self._transport.abort)
        self._finish()

    def _finish(self, error: Exception | None = None) -> None:
        if not self._end.done():
            if error is None:
                self._end.set_result(None)
            else:
                self._end.set_exception(error)

    # -- what the event loop calls --------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Deal with what was read."""
        if self._receiver is None:
            self._early += data
            return
        if self.parser.closed:
            return
        try:
            self.deliver(self._receiver, data)
        except WebSocketError as error:
            self._finish(error)
        if self.parser.closed:
            self.hang_up()

    def pause_writing(self) -> None:
        """Note that the client reads too slowly."""
        self._paused = asyncio.get_running_loop().create_future()
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """Note that the client has caught up."""
        if self._paused is not None:
            self._paused.set_result(None)
            self._paused = None
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection has ended."""
        if self._paused is not None:
            self._paused.cancel()
        self._finish()
        self._before.connection_lost(exc)
