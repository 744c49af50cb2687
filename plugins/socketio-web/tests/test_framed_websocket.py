"""The websocket on an asyncio transport, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from socketio.engine import AsyncEngine
from socketio.engine.http import Request
from socketio.protocol.engine import Packet
from socketio.protocol.websocket import WebSocketError
from socketio_web.framed_websocket import TransportWebSocket

HEADERS = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
DEADLINE = 20.0


class Opening(Request):
    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("GET", "")
        self._own = headers

    def header(self, name: str) -> str | None:
        return self._own.get(name.lower())

    def build_environ(self) -> dict[str, Any]:
        return {}

    async def read_body(self, max_bytes: int) -> bytes:
        return b""


class Receiver:
    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.answer: Callable[[str | bytes], None] = lambda message: None

    def receive(self, message: str | bytes) -> None:
        self.messages.append(message)
        self.answer(message)


class ServersProtocol(asyncio.Protocol):
    """What the web server's protocol sees of all this."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.made = asyncio.Event()
        self.lost = asyncio.Event()
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.made.set()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


class Connection:
    """A websocket of ours, and the client's end of it."""

    def __init__(
        self,
        websocket: TransportWebSocket,
        protocol: ServersProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.websocket = websocket
        self.protocol = protocol
        self.reader = reader
        self.writer = writer
        self.receiver = Receiver()
        self.serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self.websocket.accept([("X-Own", "yes")])
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 101 ")
        assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert "X-Own: yes" in head
        self.serving = asyncio.create_task(self.websocket.serve(self.receiver))
        await asyncio.sleep(0)

    async def end(self) -> None:
        assert self.serving is not None
        async with asyncio.timeout(DEADLINE):
            await self.serving

    async def received(self, count: int) -> list[str | bytes]:
        async with asyncio.timeout(DEADLINE):
            while len(self.receiver.messages) < count:
                await asyncio.sleep(0.001)
        return self.receiver.messages


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    connections: list[Connection] = []
    servers: list[asyncio.Server] = []

    async def open_connection(early: bytes = b"", **options: Any) -> Connection:
        protocol = ServersProtocol()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: protocol, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await protocol.made.wait()
        assert protocol.transport is not None
        engine = AsyncEngine(**options)
        websocket = TransportWebSocket(engine, Opening(HEADERS), protocol.transport, early)
        connection = Connection(websocket, protocol, reader, writer)
        connections.append(connection)
        return connection

    yield open_connection
    for connection in connections:
        connection.writer.close()
        if connection.serving is not None:
            await asyncio.wait([connection.serving], timeout=DEADLINE)
        await asyncio.wait_for(connection.protocol.lost.wait(), DEADLINE)
    for server in servers:
        server.close()
        await server.wait_closed()


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame, masked with zeros."""
    assert len(payload) < 126
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


@pytest.mark.parametrize("name", [*HEADERS][:1] + [*HEADERS][2:])
async def test_a_handshake_that_is_none(name: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != name}
    with pytest.raises(WebSocketError):
        TransportWebSocket(AsyncEngine(), Opening(headers), None, b"")  # type: ignore[arg-type]  # refused before


async def test_messages_come_as_they_are_read(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    text = frame(1, "Grüße".encode())
    connection.writer.write(text[:4])
    await connection.writer.drain()
    connection.writer.write(text[4:] + frame(2, b"\x00"))
    assert await connection.received(2) == ["Grüße", b"\x00"]


async def test_what_came_before_it_is_served(connect: Any) -> None:
    connection = await connect(early=frame(1, b"early"))
    await connection.open()
    assert await connection.received(1) == ["early"]


async def test_a_packet_is_one_frame_for_everybody(connect: Any) -> None:
    first, second = await connect(), await connect()
    await first.open()
    await second.open()
    packet = Packet(4, "hello")
    assert first.websocket.write(packet) is None
    frame_of_first = packet.wire
    assert second.websocket.write(packet) is None
    assert packet.wire is frame_of_first
    for connection in (first, second):
        assert await connection.reader.readexactly(8) == b"\x81\x064hello"


async def test_answers_to_one_read_are_one_write(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    writes: list[bytes] = []
    output = connection.websocket.output

    def record(data: bytes) -> Any:
        writes.append(data)
        return output(data)

    connection.websocket.output = record
    connection.receiver.answer = lambda message: connection.websocket.write(Packet(4, "a"))
    connection.writer.write(frame(1, b"1") + frame(9, b"ping") + frame(1, b"2"))
    expected = b"\x81\x024a" + b"\x8a\x04ping" + b"\x81\x024a"
    assert await connection.reader.readexactly(len(expected)) == expected
    assert writes == [expected]


async def test_the_client_closes(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    connection.writer.write(frame(8, b"\x03\xe8bye"))
    assert await connection.reader.read() == b"\x88\x02\x03\xe8"
    await connection.end()
    with pytest.raises(ConnectionResetError):
        connection.websocket.write(Packet(4, "too late"))


async def test_the_server_closes(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    await connection.websocket.close(1000, "done")
    assert await connection.reader.readexactly(8) == b"\x88\x06\x03\xe8done"
    connection.writer.write(frame(8, b"\x03\xe8"))
    await connection.end()
    assert await connection.reader.read() == b""


async def test_a_client_that_does_not_answer_the_close(connect: Any) -> None:
    connection = await connect(close_timeout=0.05)
    await connection.open()
    await connection.websocket.close()
    await connection.end()


async def test_a_client_that_breaks_the_protocol(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    connection.writer.write(frame(1, b"good") + b"\xff\x80" + bytes(4))
    with pytest.raises(WebSocketError):
        await connection.end()
    assert connection.receiver.messages == ["good"]
    assert (await connection.reader.readexactly(4))[2:] == b"\x03\xea"


async def test_too_long_a_message(connect: Any) -> None:
    connection = await connect(max_http_buffer_size=10)
    await connection.open()
    connection.writer.write(frame(1, b"x" * 10) + frame(1, b"x" * 11))
    with pytest.raises(WebSocketError, match="more than 10 bytes"):
        await connection.end()
    assert connection.receiver.messages == ["x" * 10]


async def test_a_client_that_goes_without_a_word(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    connection.writer.close()
    await connection.end()
    await asyncio.wait_for(connection.protocol.lost.wait(), DEADLINE)
    with pytest.raises(ConnectionResetError):
        connection.websocket.write(Packet(4, "to nobody"))


async def test_a_client_that_reads_slowly(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    packet = Packet(4, b"x" * 1_000_000)
    async with asyncio.timeout(DEADLINE):
        while (pending := connection.websocket.write(packet)) is None:
            await asyncio.sleep(0)
        assert not pending.done()
        reading = asyncio.create_task(connection.reader.read(50_000_000))
        while not pending.done():
            if reading.done():
                reading = asyncio.create_task(connection.reader.read(50_000_000))
            await asyncio.sleep(0.001)
        connection.writer.close()
        await reading
