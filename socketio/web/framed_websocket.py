"""Websockets in an event loop whose frames are read and written by ourselves.

`FramedWebSocket` gives a `ServerConnection` the bytes that a driver reads, and writes those that
it gives: what a turn of the loop sends to one client leaves in one write at its end, what answers
a read leaves when the read is dealt with. Of a client that sends more than a turn allows, the rest
waits, unread as far as it can, until others have had their turn. `TransportWebSocket` is the
driver of an asyncio transport.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
import weakref
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..abc.transport import MAX_CORKED, Receiver, WebSocket
from ..engine.http import Headers, Request
from ..protocol.engine import EnginePacket
from ..protocol.websocket import (
    NORMAL,
    POLICY_VIOLATION,
    ControlFrame,
    Event,
    ServerConnection,
    WebSocketError,
    WebSocketState,
    handshake_key,
)
from .reading_turns import CLIENT_TURN

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine

_CLOSED = WebSocketState.CLOSED

STOPPING_SECONDS = 0.5
"""How long a client has to answer a close frame when the whole server stops."""


FEW = 32
"""So many websockets are let go when a read is dealt with: waiting for the end of the turn costs
one more round of the loop, which is much for a few and nothing for many."""


MANY = 16
"""Messages of one read that are dealt with as they are, without a look at the clock."""

PORTION = 16_384
"""Bytes of one read that are parsed at a time. A loop may read 256 KiB at once, which are tens of
thousands of small messages."""

ALL_TURN = 0.005
"""Seconds of a turn of the loop that all clients of that kind may take together."""


class LoopTurn:
    """What websockets share of a turn of an event loop: its end, and the time that it may take.

    One call of the loop lets all go that were written to in this turn, however many they are and
    however much they got; or the end of the read for which they were written to, if they are few.

    Those that have read more than their share of a turn queue for the next ones, one call of the
    loop for all of them: new clients, and those that send little, come in between.

    Args:
        loop: The loop.
    """

    __slots__ = (
        "__weakref__",
        "_context",
        "_loop",
        "_serves_behind",
        "behind",
        "reading",
        "scheduled",
        "written",
    )

    scheduled: bool
    """Whether the loop is to call when the turn ends."""
    reading: bool
    """Whether a read is being dealt with, whose end is near."""
    written: list[FramedWebSocket]
    """Who is to be let go."""
    behind: deque[FramedWebSocket]
    """Who has messages left to be dealt with, in the order of their turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Not held: the loop is the key under which this is found.
        self._loop = weakref.ref(loop)
        # Empty, so that what a handler has set lives no longer than the handler.
        self._context = contextvars.Context()
        self.scheduled = False
        self.reading = False
        self.written = []
        self.behind = deque()
        self._serves_behind = False

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

    def queue(self, websocket: FramedWebSocket) -> None:
        """Let a websocket go on in the next turn."""
        self.behind.append(websocket)
        if not self._serves_behind:
            self._schedule_behind()

    def _schedule_behind(self) -> None:
        loop = self._loop()
        self._serves_behind = loop is not None and not loop.is_closed()
        if loop is not None and self._serves_behind:
            loop.call_soon(self._serve_behind, context=self._context)

    def _serve_behind(self) -> None:
        """Give those that are behind a share of this turn."""
        behind = self.behind
        now = time.monotonic()
        ends = now + ALL_TURN
        try:
            for _ in range(len(behind)):
                behind.popleft().catch_up(now + CLIENT_TURN)
                now = time.monotonic()
                if now > ends:
                    break
        finally:
            self._serves_behind = False
            if behind:
                self._schedule_behind()

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


class Backlog:
    """What was read of a client and is left for later turns of the loop.

    Args:
        events: What was parsed of it.
        unparsed: The bytes behind these.
    """

    __slots__ = ("_parsed", "_unparsed", "context", "events", "queued")

    context: contextvars.Context
    """Where reads are dealt with: handlers see what the middleware around the request has set."""
    queued: bool
    """Whether the websocket waits for its turn."""

    def __init__(self, events: Iterable[Event] = (), unparsed: bytes = b"") -> None:
        self.events = deque(events)
        self._unparsed = unparsed
        self._parsed = 0
        self.queued = False
        self.context = contextvars.copy_context()

    def add(self, data: bytes) -> None:
        """Keep what was read all the same."""
        self._unparsed = self._unparsed[self._parsed :] + data
        self._parsed = 0

    def take(self, size: int) -> bytes:
        """Take the next bytes to parse; empty when there are none."""
        begin = self._parsed
        self._parsed += size
        return self._unparsed[begin : self._parsed]


class FramedWebSocket(WebSocket):
    """A websocket on a connection that is ours, without extensions.

    Args:
        engine: The engine that it is for.
        connection: The protocol's part of it.
    """

    __slots__ = (
        "_backlog",
        "_fell_behind",
        "_pending",
        "_timer",
        "_turn",
        "connection",
        "corked",
        "engine",
        "paused",
        "portion",
        "receiver",
    )

    corked: bool
    """Whether somebody lets the cork go: the turn, or who deals with a read."""
    receiver: Receiver | None
    """What gets the messages."""
    paused: bool
    """Whether no messages are to be handed over for now: handlers have enough."""
    portion: int
    """Bytes that are parsed at a time."""
    _backlog: Backlog | None
    """What was read and is left for later turns; nothing more is read while it is there."""

    def __init__(self, engine: AsyncEngine, connection: ServerConnection) -> None:
        self.engine = engine
        self.connection = connection
        self.receiver = None
        self._turn = current_turn()
        self.corked = False
        # There while the client does not read what it is sent; nothing is corked meanwhile.
        self._pending: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self.paused = False
        self.portion = PORTION
        self._backlog = None
        self._fell_behind = False

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

    @abstractmethod
    def stop_reading(self) -> None:
        """Read nothing more until `start_reading`; what is given to `deliver` anyway is kept."""

    @abstractmethod
    def start_reading(self) -> None:
        """Read on after `stop_reading`, and look whether what was read has ended the websocket."""

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
        """Deal with what one read has brought, and let the answers out in one write.

        What is too much for one turn is left for the next ones.
        """
        if self._backlog is not None:
            self._backlog.add(data)
            return
        receiver = self.receiver
        assert receiver is not None  # nothing is read before `serve`
        turn = self._turn
        # Whether another read is dealt with around this one, and we are in the turn already.
        before = turn.reading, self.corked
        turn.reading = self.corked = True
        try:
            if len(data) > self.portion:
                self._fall_behind([], data)
                return
            events = self.parse(data)
            if len(events) > MANY:
                self._fall_behind(events)
                return
            for event in events:
                if type(event) is str or type(event) is bytes:
                    receiver.receive(event)
                else:
                    self.answer(event)  # type: ignore[arg-type]  # no message
        finally:
            self._end_read(before)

    def parse(self, data: bytes) -> list[Event]:
        """Return what bytes of the client mean."""
        return self.connection.receive(data)

    # -- more than a turn allows ----------------------------------------------------------

    def _fall_behind(self, events: list[Event], unparsed: bytes = b"") -> None:
        """Deal with as much as this turn allows, if others do not wait for theirs already."""
        self._backlog = Backlog(events, unparsed)
        if not self._turn.behind:
            self._work_off(time.monotonic() + CLIENT_TURN)
        if self._backlog is not None:
            self._fell_behind = True
            self.stop_reading()
            self._queue()

    def _queue(self) -> None:
        backlog = self._backlog
        if backlog is not None and not (self.paused or backlog.queued):
            backlog.queued = True
            self._turn.queue(self)

    def catch_up(self, turn_ends: float) -> None:
        """Go on with what was left, as the turn of this websocket has come.

        Args:
            turn_ends: When it is the turn of the next one.
        """
        backlog = self._backlog
        if backlog is None:
            return  # the websocket has ended meanwhile
        backlog.queued = False
        # As the reads: in a context that has nothing of any handler.
        backlog.context.run(self._catch_up, turn_ends)

    def _catch_up(self, turn_ends: float) -> None:
        turn = self._turn
        before = turn.reading, self.corked
        turn.reading = self.corked = True
        try:
            self._work_off(turn_ends)
        finally:
            self._end_read(before)
        self._queue()
        if self._backlog is None:
            self.start_reading()

    def _work_off(self, turn_ends: float) -> None:
        """Deal with what was read until the turn ends, or handlers have enough."""
        backlog = self._backlog
        receiver = self.receiver
        assert backlog is not None and receiver is not None
        events = backlog.events
        while not self.paused:
            if not events:
                data = backlog.take(self.portion)
                if not data:
                    self._backlog = None
                    return
                events.extend(self.parse(data))
            else:
                event = events.popleft()
                if type(event) is str or type(event) is bytes:
                    receiver.receive(event)
                else:
                    self.answer(event)  # type: ignore[arg-type]  # no message
            if time.monotonic() > turn_ends:
                return

    def was_behind(self) -> bool:
        """Tell whether a read was too much for its turn; see `WebSocket.was_behind`."""
        behind, self._fell_behind = self._fell_behind, False
        return behind or self._backlog is not None

    def pause_reading(self) -> None:
        """Read no more, and hand no more messages over; see `WebSocket.pause_reading`."""
        self.paused = True
        if self._backlog is None:
            self._backlog = Backlog()
            self.stop_reading()

    def resume_reading(self) -> None:
        """Go on in the next turn; see `WebSocket.resume_reading`."""
        self.paused = False
        self._queue()

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
        self._backlog = None
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
        self.start_reading()
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)
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

    def unsent(self) -> int:
        """Return how many bytes wait for the connection; see `WebSocket.unsent`."""
        transport = self._transport
        return 0 if transport is None else int(transport.get_write_buffer_size())

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

    def stop_reading(self) -> None:
        """Let the client wait: what it sends fills the buffers of the connection."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def start_reading(self) -> None:
        """Read on, unless what was read has ended the websocket."""
        if self.connection.state is _CLOSED:
            self.hang_up()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

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
