"""Websockets of uvicorn's `websockets-sansio` protocol, without the detour through ASGI events.

What uvicorn does between a read and an event is no public interface. `direct_websocket` therefore
looks first whether the release is made as expected, and where it is not the mode uses plain ASGI,
which is slower: uvicorn pauses and resumes the reading of the socket for every message.

Where no extension was agreed on, the frames are read here as well, ten times as fast as by the
generators of `websockets`. The handshakes are uvicorn's, and so are its own pings: its parser gets
pongs and close frames, and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..abc.transport import Receiver, WebSocket
from ..engine.http import Headers, Response
from ..protocol.websocket import (
    NORMAL,
    PING,
    ControlFrame,
    ServerConnection,
    WebSocketError,
    mask_control,
)
from ..protocol.websocket import Event as ReceivedEvent
from .asgi import ASGIWebSocket, Event, Receive, Scope, Send
from .framed_websocket import FramedWebSocket

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine

PARSED_PORTION = 2048
"""Bytes that are given to uvicorn's parser at a time: compressed, they may be many messages."""

NEEDED = (
    "close_sent",
    "conn",
    "data_received",
    "handle_parser_exception",
    "handle_ping",
    "handshake_complete",
    "queue",
    "read_paused",
    "shutdown",
    "transport",
    "writable",
)
"""What the protocol object of a known release has."""


def create_asgi_websocket(
    engine: AsyncEngine, scope: Scope, receive: Receive, send: Send
) -> WebSocket:
    """Return the websocket of a scope: on uvicorn's own connection where that is within reach."""
    return direct_websocket(engine, scope, receive, send) or ASGIWebSocket(
        engine, scope, receive, send
    )


def direct_websocket(
    engine: AsyncEngine, scope: Scope, receive: Receive, send: Send
) -> UvicornWebSocket | None:
    """Return a direct websocket if uvicorn itself called the application, else None."""
    protocol: Any = getattr(send, "__self__", None)
    if (
        type(protocol).__name__ != "WebSocketsSansIOProtocol"
        or not all(hasattr(protocol, name) for name in NEEDED)
        or not isinstance(protocol.queue, asyncio.Queue)
    ):
        return None
    return UvicornWebSocket(engine, scope, receive, send, protocol)


class DirectQueue:
    """Stands in for uvicorn's queue: hands messages over, and keeps what ends the websocket.

    It is a tenth of the size of an `asyncio.Queue`, of which each connection would have one.
    """

    __slots__ = ("_ends", "_receiver", "_waiting")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._ends: list[Event] = []
        self._waiting: asyncio.Future[None] | None = None

    def put_nowait(self, item: Event) -> None:
        """Take what uvicorn has parsed."""
        if item["type"] == "websocket.receive":
            text = item.get("text")
            self._receiver.receive(text if text is not None else item["bytes"])
            return
        self._ends.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> Event:
        """Wait for what ends the websocket; one task at a time."""
        if not self._ends:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._ends.pop(0)

    def empty(self) -> bool:
        """Tell whether nothing has ended the websocket."""
        return not self._ends


def parser_is_idle(protocol: Any) -> bool:
    """Tell whether uvicorn's parser stands between two frames that no extension has changed."""
    conn = protocol.conn
    reader = getattr(conn, "reader", None)
    return (
        getattr(conn, "extensions", None) == []
        and getattr(reader, "buffer", None) == b""
        and hasattr(conn, "fail")
    )


class UvicornWebSocket(FramedWebSocket):
    """A websocket that reads from uvicorn's connection and writes to it."""

    __slots__ = ("_asgi", "_pass_on", "_pong", "_protocol", "parses")

    parses: bool
    """Whether frames are read here, not by uvicorn."""

    def __init__(
        self, engine: AsyncEngine, scope: Scope, receive: Receive, send: Send, protocol: Any
    ) -> None:
        limit = engine.config.max_http_buffer_size
        limit = min(limit, protocol.config.ws_max_size or limit)
        super().__init__(engine, ServerConnection(limit))
        self._asgi = ASGIWebSocket(engine, scope, receive, send)
        self._protocol = protocol
        self._pass_on = protocol.data_received
        self._pong: bytes | None = None
        self.parses = False

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        await self._asgi.accept(headers)
        self.connection.accept()

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake; see `ASGIWebSocket.refuse`."""
        await self._asgi.refuse(response)
        # uvicorn logs an error for whoever answers with `websocket.http.response`: it forgets to
        # note that the handshake has had its answer.
        self._protocol.handshake_complete = True

    def output(self, data: bytes) -> Any:
        """Write bytes: an uncompressed frame is right whatever extension was agreed on."""
        protocol = self._protocol
        if protocol.close_sent or protocol.transport.is_closing():
            raise ConnectionResetError("the websocket is closed")
        protocol.transport.write(data)
        if protocol.writable.is_set():
            return None
        return self._pending or self.engine.runtime.start(protocol.writable.wait)

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport as it is parsed; see `WebSocket.serve`."""
        protocol = self._protocol
        self.receiver = transport
        early, protocol.queue = protocol.queue, DirectQueue(transport)
        if protocol.read_paused:
            protocol.transport.resume_reading()
        protocol.read_paused = True  # so that uvicorn does not pause at each message
        self.parses = parser_is_idle(protocol)
        if not self.parses:
            self.portion = PARSED_PORTION
        protocol.data_received = self.deliver
        protocol.handle_ping = self._handle_ping
        protocol.shutdown = self._shut_down
        # uvloop looks for the method when it is given the protocol, not at each read.
        protocol.transport.set_protocol(protocol)
        while not early.empty():
            protocol.queue.put_nowait(early.get_nowait())
        try:
            await self._asgi.serve(transport)
        finally:
            self.ended()
        if self.connection.error is not None:
            raise self.connection.error

    def _shut_down(self) -> None:
        """Let what is corked leave before uvicorn says that it stops."""
        self.flush()
        type(self._protocol).shutdown(self._protocol)

    def parse(self, data: bytes) -> list[ReceivedEvent]:
        """Return what bytes of the client mean, or let uvicorn hand it over."""
        if self.parses:
            return self.connection.receive(data)
        self._pass_on(data)
        return []

    def stop_reading(self) -> None:
        """Let the client wait: what it sends fills the buffers of the connection."""
        if not self._protocol.transport.is_closing():
            self._protocol.transport.pause_reading()

    def start_reading(self) -> None:
        """Read on."""
        if not self._protocol.transport.is_closing():
            self._protocol.transport.resume_reading()

    def _handle_ping(self) -> None:
        """Answer a ping that uvicorn has parsed; of those of a client that does not read, the last.

        It would write them all, however many wait already.
        """
        protocol = self._protocol
        pong = b"".join(protocol.conn.data_to_send())
        if protocol.writable.is_set():
            protocol.transport.write(pong)
            return
        waits, self._pong = self._pong is not None, pong
        if not waits:
            self.engine.runtime.start(self._answer_late)

    async def _answer_late(self) -> None:
        """Send the last pong when the client reads."""
        protocol = self._protocol
        await protocol.writable.wait()
        pong, self._pong = self._pong, None
        if pong is not None and not protocol.transport.is_closing():
            protocol.transport.write(pong)

    def answer(self, event: ControlFrame | WebSocketError) -> None:
        """Answer pings, and leave the closing handshake to uvicorn, after what is corked."""
        if isinstance(event, WebSocketError):
            self.flush()
            self.connection.lose()
            self.connection.error = event
            self._protocol.conn.fail(event.code, event.reason)
            self._protocol.handle_parser_exception()
        elif event.opcode == PING:
            super().answer(event)
        else:
            self.flush()
            self._pass_on(mask_control(event))

    def unsent(self) -> int:
        """Return how many bytes wait for the connection; see `WebSocket.unsent`."""
        size: int = self._protocol.transport.get_write_buffer_size()
        return size

    def hang_up(self) -> None:
        """End the connection."""
        self._protocol.transport.close()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the websocket by uvicorn's own handshake; harmless when it is closed."""
        self.flush()
        self.connection.lose()
        await self._asgi.close(code, reason)

    def abort(self) -> bool:
        """Cut the connection; see `ASGIWebSocket.abort`."""
        self.connection.lose()
        return self._asgi.abort()
