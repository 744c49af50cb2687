"""Websockets of uvicorn's `websockets-sansio` protocol, without the detour through ASGI events.

Called by the mode `asgi` for each websocket; it knows what uvicorn does between a read and an
event, which is no public interface. `direct_websocket` therefore looks first whether the release
is made as expected, and where it is not the mode uses plain ASGI, which is slower: uvicorn pauses
and resumes the reading of the socket for every message.

Where no extension was agreed on, the messages are parsed here as well, ten times as fast as by the
generators of `websockets`; control frames are uvicorn's to answer, and its parser gets those alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..abc.transport import MAX_CORKED, Receiver
from ..engine.http import Response
from ..protocol.engine import Packet
from ..protocol.websocket import (
    BrokenStream,
    ControlFrame,
    FrameParser,
    encode_frame,
    mask_control,
)
from .asgi import ASGIWebSocket, Event, Receive, Scope, Send

if TYPE_CHECKING:
    from ..engine.asynchronous.engine import AsyncEngine

NEEDED = (
    "close_sent",
    "conn",
    "data_received",
    "handle_parser_exception",
    "handshake_complete",
    "queue",
    "read_paused",
    "transport",
    "writable",
)
"""What the protocol object of a known release has."""


def direct_websocket(
    engine: AsyncEngine, scope: Scope, receive: Receive, send: Send
) -> ASGIWebSocket | None:
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


class MessageReader:
    """Parses what a client sends, in uvicorn's place.

    Args:
        protocol: uvicorn's protocol object.
        receiver: Gets the messages.
        max_size: Bytes that a message may have.
        let_out: Called before uvicorn itself may write: writes what is held back.
    """

    __slots__ = ("_let_out", "_parser", "_pass_on", "_protocol", "_receiver", "error")

    error: BrokenStream | None
    """How the client broke the websocket protocol."""

    def __init__(
        self, protocol: Any, receiver: Receiver, max_size: int, let_out: Callable[[], None]
    ) -> None:
        self._protocol = protocol
        self._let_out = let_out
        self._pass_on = protocol.data_received
        self._receiver = receiver
        self._parser = FrameParser(max_size)
        self.error = None

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        try:
            received = self._parser.feed(data)
        except BrokenStream as error:
            received = error.received
            self.error = error
        for message in received:
            if type(message) is ControlFrame:
                self._let_out()
                self._pass_on(mask_control(message))
            else:
                self._receiver.receive(message)  # type: ignore[arg-type]  # no control frame
        if self.error is not None:
            self._let_out()
            self._protocol.conn.fail(self.error.code, str(self.error))
            self._protocol.handle_parser_exception()


def parser_is_idle(protocol: Any) -> bool:
    """Tell whether uvicorn's parser stands between two frames that no extension has changed."""
    conn = protocol.conn
    reader = getattr(conn, "reader", None)
    return (
        getattr(conn, "extensions", None) == []
        and getattr(reader, "buffer", None) == b""
        and hasattr(conn, "fail")
    )


class UvicornWebSocket(ASGIWebSocket):
    """A websocket that reads from uvicorn's connection and writes to it."""

    __slots__ = ("_corked", "_corked_size", "_protocol", "_reader", "_transport", "_writable")

    _transport: asyncio.Transport | None
    """The connection, from the moment on when frames may be written to it."""

    def __init__(
        self, engine: AsyncEngine, scope: Scope, receive: Receive, send: Send, protocol: Any
    ) -> None:
        super().__init__(engine, scope, receive, send)
        self._protocol = protocol
        self._reader: MessageReader | None = None
        self._transport = None
        self._writable: asyncio.Event = protocol.writable
        self._corked: list[bytes] | None = None
        self._corked_size = 0

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake; see `ASGIWebSocket.refuse`."""
        await super().refuse(response)
        # uvicorn logs an error for whoever answers with `websocket.http.response`: it forgets to
        # note that the handshake has had its answer.
        self._protocol.handshake_complete = True

    def write(self, packet: Packet) -> Any:
        """Send one message; see `WebSocket.write`."""
        transport = self._transport
        if transport is None:
            return super().write(packet)
        if self._closed or self._protocol.close_sent or transport.is_closing():
            raise ConnectionResetError("the websocket is closed")
        # The same bytes for all recipients; an uncompressed frame is right whatever extension
        # was agreed on. uvicorn's own frames (pongs, the close) go through the same transport.
        frame = packet.wire
        if frame is None:
            frame = packet.wire = encode_frame(packet.websocket)
        if self._corked is not None:
            self._corked.append(frame)
            self._corked_size += len(frame)
            if self._corked_size > MAX_CORKED:
                self._uncork()
                self._cork()
            return None
        transport.write(frame)
        if self._writable.is_set():
            return None
        return self._engine.runtime.start(self._writable.wait)

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport as it is parsed; see `WebSocket.serve`."""
        protocol = self._protocol
        self._transport = protocol.transport
        if protocol.queue.empty():
            protocol.queue = DirectQueue(transport)
            if protocol.read_paused:
                protocol.transport.resume_reading()
            protocol.read_paused = True  # so that uvicorn does not pause at each message
            take = protocol.data_received
            if parser_is_idle(protocol):
                limit = self._engine.config.max_http_buffer_size
                limit = min(limit, protocol.config.ws_max_size or limit)
                self._reader = MessageReader(protocol, transport, limit, self._uncork)
                take = self._reader.feed

            def data_received(data: bytes) -> None:
                # The answers to one read leave in one write.
                self._cork()
                try:
                    take(data)
                finally:
                    self._uncork()

            protocol.data_received = data_received
            # uvloop looks for the method when it is given the protocol, not at each read.
            protocol.transport.set_protocol(protocol)
        await super().serve(transport)
        if self._reader is not None and self._reader.error is not None:
            raise self._reader.error

    def _cork(self) -> None:
        """Keep what is written until `_uncork`, if the client reads what it is sent."""
        if self._writable.is_set():
            self._corked = []

    def _uncork(self) -> None:
        frames, self._corked, self._corked_size = self._corked, None, 0
        transport = self._protocol.transport
        if frames and not transport.is_closing():
            transport.write(frames[0] if len(frames) == 1 else b"".join(frames))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the websocket; harmless when it is closed."""
        self._uncork()
        await super().close(code, reason)
