"""Websockets in an event loop whose frames are read and written by ourselves.

`FramedWebSocket` gives a `ServerConnection` the bytes that a driver reads, and writes those that
it gives: what a turn of the loop sends to one client leaves in one write at its end, what answers
a read leaves when the read is dealt with. `TransportWebSocket` is the driver of an asyncio
transport.
"""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from ..abc.transport import MAX_CORKED, Receiver, WebSocket
from ..engine.http import Headers, Request
from ..protocol.engine import EnginePacket
from ..protocol.websocket import (
    NORMAL,
    POLICY_VIOLATION,
    ControlFrame,
    ServerConnection,
    WebSocketError,
    WebSocketState,
    handshake_key,
)

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine

_CLOSED = WebSocketState.CLOSED

STOPPING_SECONDS = 0.5
"""How long a client has to answer a close frame when the whole server stops."""


FEW = 32
"""So many websockets are let go when a read is dealt with: waiting for the end of the turn costs
one more round of the loop, which is much for a few and nothing for many."""


class LoopTurn:
    """The websockets that were written to in this turn of an event loop.

    One call of the loop lets all of them go, however many they are and however much they got; or
    the end of the read for which they were written to, if they are few.

    Args:
        loop: The loop.
    """

    __slots__ = ("__weakref__", "_context", "_loop", "reading", "scheduled", "written")

    scheduled: bool
    """Whether the loop is to call when the turn ends."""
    reading: bool
    """Whether a read is being dealt with, whose end is near."""
    written: list[FramedWebSocket]
    """Who is to be let go."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Not held: the loop is the key under which this is found.
        self._loop = weakref.ref(loop)
        # Empty, so that what a handler has set lives no longer than the handler.
        self._context = contextvars.Context()
        self.scheduled = False
        self.reading = False
        self.written = []

    def read_ends(self) -> None:
        """Let the corks go now, or when the turn ends."""
        if self.scheduled:
            return
        if len(self.written) > FEW:
            self.schedule()
        else:
            self._end()

    def schedule(self) -> None:
        """Let the loop call when this turn ends."""
        loop = self._loop()
        if loop is None or loop.is_closed():
            self.written.clear()
            return
        self.scheduled = True
        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        call = loop.call_soon if here else loop.call_soon_threadsafe
        call(self._end, context=self._context)

    def _end(self) -> None:
        self.scheduled = False
        written, self.written = self.written, []
        for websocket in written:
            websocket.corked = False
            websocket.flush()


_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopTurn] = weakref.WeakKeyDictionary()


def current_turn() -> LoopTurn:
    """Return the turn of the running loop."""
    loop = asyncio.get_running_loop()
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = LoopTurn(loop)
    return turn


class FramedWebSocket(WebSocket):
    """A websocket on a connection that is ours, without extensions.

    Args:
        engine: The engine that it is for.
        connection: The protocol's part of it.
    """

    __slots__ = ("_pending", "_timer", "_turn", "connection", "corked", "engine", "receiver")

    corked: bool
    """Whether somebody lets the cork go: the turn, or who deals with a read."""
    receiver: Receiver | None
    """What gets the messages."""

    def __init__(self, engine: AsyncEngine, connection: ServerConnection) -> None:
        self.engine = engine
        self.connection = connection
        self.receiver = None
        self._turn = current_turn()
        self.corked = False
        # There while the client does not read what it is sent; nothing is corked meanwhile.
        self._pending: Any = None
        self._timer: asyncio.TimerHandle | None = None

    # -- what drivers do with bytes -------------------------------------------------------

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
        self.connection.accept(headers)
        self.flush()

    def write(self, packet: EnginePacket) -> Any:
        """Send one message when this turn of the loop ends; see `WebSocket.write`."""
        size = self.connection.send(packet)
        if size > MAX_CORKED or self._pending is not None:
            # The connection says now whether the client reads.
            return self.flush()
        if not self.corked:
            self.corked = True
            turn = self._turn
            # In this order: another thread must not add itself behind the back of who lets go.
            turn.written.append(self)
            if not (turn.reading or turn.scheduled):
                turn.schedule()
        return None

    def flush(self) -> Any:
        """Let the cork go; return what tells when more may be written, or None at once."""
        connection = self.connection
        if connection.size:
            try:
                pending = self.output(connection.take())
            except (OSError, RuntimeError) as error:  # whoever reads finds out too
                self.engine.logger.debug("cannot send: %r", error)
                return None
            if pending is not None and pending is not self._pending:
                pending.add_done_callback(self._unblocked)
            self._pending = pending
        return self._pending

    def _unblocked(self, pending: Any) -> None:
        """Go on: the client has read."""
        if pending is self._pending:
            self._pending = None
            self.connection.unblocked()
            self.flush()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Send a close frame; the client has `close_timeout` seconds for its answer.

        It has less time when the server stops.
        """
        if not self.connection.close(code, reason):
            return
        self.flush()
        seconds = self.engine.config.close_timeout
        if self.engine.stopping:
            seconds = min(seconds, STOPPING_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(seconds, self.hang_up)

    # -- for whoever reads ----------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Deal with what one read has brought, and let the answers out in one write."""
        receiver = self.receiver
        assert receiver is not None  # nothing is read before `serve`
        turn = self._turn
        # Whether another read is dealt with around this one, and we are in the turn already.
        before = turn.reading, self.corked
        turn.reading = self.corked = True
        try:
            for event in self.connection.receive(data):
                if type(event) is str or type(event) is bytes:
                    receiver.receive(event)
                else:
                    self.answer(event)  # type: ignore[arg-type]  # no message
        finally:
            self._end_read(before)

    def _end_read(self, before: tuple[bool, bool]) -> None:
        """Let our own cork go, then those of others who were written to meanwhile."""
        turn = self._turn
        turn.reading, self.corked = before
        self.flush()
        if turn.written and not turn.reading:
            turn.read_ends()

    def answer(self, event: ControlFrame | WebSocketError) -> None:
        """Deal with what is no message."""
        self.connection.answer(event, blocked=self._pending is not None)

    def ended(self) -> None:
        """Note that nothing more is read."""
        self.connection.lose()
        if self._timer is not None:
            self._timer.cancel()


class TransportWebSocket(FramedWebSocket, asyncio.Protocol):
    """A websocket on an asyncio transport that is taken from the web server's protocol.

    The server's protocol is told when the connection ends, and nothing in between.

    Args:
        engine: The engine that it is for.
        transport: The connection; None where the client has gone.
        early: What was read after the opening request.
        request: The opening request; None where the web server answers it.

    Raises:
        WebSocketError: The request is no valid opening handshake.
    """

    __slots__ = ("_before", "_early", "_end", "_paused", "_transport")

    def __init__(
        self,
        engine: AsyncEngine,
        transport: asyncio.Transport | None,
        early: bytes = b"",
        request: Request | None = None,
    ) -> None:
        key = None if request is None else handshake_key(request.header)
        super().__init__(engine, ServerConnection(engine.config.max_http_buffer_size, key))
        self._transport: Any = transport
        self._before: Any = None  # the web server's protocol, from the moment on when we read
        self._early = early
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._paused: asyncio.Future[None] | None = None

    def take_transport(self, early: bytes = b"") -> None:
        """Read the connection from now on; `early` is what was read before."""
        self._early += early
        self._before = self._transport.get_protocol()
        self._transport.set_protocol(self)

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self.take_transport()
        self.answer_handshake(headers)

    async def refuse(self, response: object) -> None:
        """Close the websocket; the mode answers what was not accepted."""
        await self.close(POLICY_VIOLATION)

    async def serve(self, transport: Receiver) -> None:
        """Wait while every message is handed to the transport; see `WebSocket.serve`."""
        self.receiver = transport
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)
        if not self._transport.is_closing():
            self._transport.resume_reading()
        try:
            await self._end
        finally:
            self.ended()
        if self.connection.error is not None:
            raise self.connection.error

    def output(self, data: bytes) -> asyncio.Future[None] | None:
        """Write bytes."""
        if self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        return self._paused

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self.connection.lose()
        self._transport.abort()
        return True

    def hang_up(self) -> None:
        """End the connection when everything is written, or after `close_timeout` seconds."""
        self._transport.close()
        seconds = self.engine.config.close_timeout
        asyncio.get_running_loop().call_later(seconds, self._transport.abort)
        self._finish()

    def _finish(self) -> None:
        if not self._end.done():
            self._end.set_result(None)

    # -- what the event loop calls --------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Deal with what was read."""
        if self.receiver is None:
            self._early += data
            return
        connection = self.connection
        if connection.state is _CLOSED:
            return
        self.deliver(data)
        if connection.state is _CLOSED:
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
