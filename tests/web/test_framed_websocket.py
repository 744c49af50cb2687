"""The websocket on an asyncio transport, byte by byte, and what leaves in which write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from socketio.abc.transport import MAX_CORKED
from socketio.engine import AsyncEngine
from socketio.engine.http import Request
from socketio.protocol.engine import EnginePacket
from socketio.protocol.websocket import WebSocketError
from socketio.web.framed_websocket import FEW, TransportWebSocket

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
        websocket = TransportWebSocket(engine, protocol.transport, early, Opening(HEADERS))
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
        TransportWebSocket(AsyncEngine(), None, request=Opening(headers))


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
    packet = EnginePacket(4, "hello")
    assert first.websocket.write(packet) is None
    frame_of_first = packet.wire
    assert second.websocket.write(packet) is None
    assert packet.wire is frame_of_first
    for connection in (first, second):
        assert await connection.reader.readexactly(8) == b"\x81\x064hello"


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TransportWebSocket, bytes]]:
    """What is written by which websocket, write by write."""
    written: list[tuple[TransportWebSocket, bytes]] = []
    output = TransportWebSocket.output

    def record(websocket: TransportWebSocket, data: bytes) -> Any:
        written.append((websocket, data))
        return output(websocket, data)

    monkeypatch.setattr(TransportWebSocket, "output", record)
    return written


async def test_answers_to_one_read_are_one_write(connect: Any, writes: Any) -> None:
    connection = await connect()
    await connection.open()
    writes.clear()
    connection.receiver.answer = lambda message: connection.websocket.write(EnginePacket(4, "a"))
    connection.writer.write(frame(1, b"1") + frame(9, b"ping") + frame(1, b"2"))
    expected = b"\x81\x024a" + b"\x8a\x04ping" + b"\x81\x024a"
    assert await connection.reader.readexactly(len(expected)) == expected
    assert writes == [(connection.websocket, expected)]


async def test_what_a_turn_sends_leaves_in_one_write_each(
    connect: Any, writes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one call of the loop lets all of it go, however many sockets were written to."""
    connections = [await connect() for _ in range(5)]
    for connection in connections:
        await connection.open()
    writes.clear()
    loop = asyncio.get_running_loop()
    calls: list[Any] = []
    call_soon = loop.call_soon

    def counted(function: Any, *args: Any, **options: Any) -> Any:
        calls.append(function)
        return call_soon(function, *args, **options)

    packets = [EnginePacket(4, f"{number}") for number in range(10)]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_soon", counted)
        for packet in packets:
            for connection in connections:
                assert connection.websocket.write(packet) is None
    assert len(calls) == 1
    assert writes == []
    await asyncio.sleep(0)  # the turn ends here
    expected = b"".join(packet.wire for packet in packets)
    assert writes == [(connection.websocket, expected) for connection in connections]
    for connection in connections:
        assert await connection.reader.readexactly(len(expected)) == expected


async def test_a_turn_of_its_own_for_each_wait(connect: Any, writes: Any) -> None:
    """Nothing is kept for company beyond the turn in which it was sent."""
    connection = await connect()
    await connection.open()
    writes.clear()
    for number in range(3):
        connection.websocket.write(EnginePacket(4, f"{number}"))
        await asyncio.sleep(0)
        assert len(writes) == number + 1


async def test_a_handler_that_sends_to_others_does_not_hold_up_its_own_answer(
    connect: Any, writes: Any
) -> None:
    """The order within one socket holds whether the read or the turn lets the cork go."""
    first, second = await connect(), await connect()
    await first.open()
    await second.open()
    writes.clear()
    first.websocket.write(EnginePacket(4, "before"))

    def answer(message: object) -> None:
        for websocket in (first.websocket, second.websocket):
            websocket.write(EnginePacket(4, "news"))

    first.receiver.answer = answer
    first.websocket.data_received(frame(1, b"go"))
    assert writes == [(first.websocket, b"\x81\x074before\x81\x054news")]
    first.websocket.write(EnginePacket(4, "after"))
    await asyncio.sleep(0)
    assert writes[1:] == [
        (first.websocket, b"\x81\x064after"),
        (second.websocket, b"\x81\x054news"),
    ]


@pytest.mark.parametrize("others", [FEW, FEW + 1])
async def test_a_read_lets_the_corks_of_a_few_go_and_the_turn_those_of_many(
    connect: Any, writes: Any, others: int
) -> None:
    first, *rest = [await connect() for _ in range(others + 1)]
    for connection in (first, *rest):
        await connection.open()
    writes.clear()
    packet = EnginePacket(4, "news")

    def answer(message: object) -> None:
        for connection in rest:
            connection.websocket.write(packet)

    first.receiver.answer = answer
    first.websocket.data_received(frame(1, b"once") + frame(1, b"twice"))
    expected = [(connection.websocket, packet.wire * 2) for connection in rest]
    assert writes == (expected if others <= FEW else [])
    await asyncio.sleep(0)
    assert writes == expected


async def test_much_is_not_kept_until_the_turn_ends(connect: Any, writes: Any) -> None:
    connection = await connect()
    await connection.open()
    writes.clear()
    packet = EnginePacket(4, "x" * 1000)
    while not writes:
        assert connection.websocket.write(packet) is None
    assert MAX_CORKED < len(writes[0][1]) < MAX_CORKED + 2000
    connection.websocket.write(packet)
    await asyncio.sleep(0)
    assert [len(data) for _, data in writes[1:]] == [len(packet.wire)]


async def test_the_close_frame_comes_after_what_is_corked(connect: Any, writes: Any) -> None:
    connection = await connect()
    await connection.open()
    writes.clear()
    connection.websocket.write(EnginePacket(4, "last"))
    await connection.websocket.close()
    expected = b"\x81\x054last\x88\x02\x03\xe8"
    assert [data for _, data in writes] == [expected]
    assert await connection.reader.readexactly(len(expected)) == expected


async def test_an_abort_drops_what_is_corked(connect: Any, writes: Any) -> None:
    connection = await connect()
    await connection.open()
    writes.clear()
    connection.websocket.write(EnginePacket(4, "lost"))
    assert connection.websocket.abort()
    await connection.end()
    assert writes == []


async def test_what_is_sent_from_another_thread_leaves_too(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    await asyncio.to_thread(connection.websocket.write, EnginePacket(4, "hi"))
    async with asyncio.timeout(DEADLINE):
        assert await connection.reader.readexactly(5) == b"\x81\x034hi"


async def test_the_client_closes(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    connection.writer.write(frame(8, b"\x03\xe8bye"))
    assert await connection.reader.read() == b"\x88\x02\x03\xe8"
    await connection.end()
    with pytest.raises(ConnectionResetError):
        connection.websocket.write(EnginePacket(4, "too late"))


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
        connection.websocket.write(EnginePacket(4, "to nobody"))


async def test_a_client_that_reads_slowly(connect: Any) -> None:
    connection = await connect()
    await connection.open()
    packet = EnginePacket(4, b"x" * 1_000_000)
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


async def test_pongs_for_a_client_that_reads_nothing_do_not_pile_up(
    connect: Any, writes: Any
) -> None:
    connection = await connect()
    await connection.open()
    websocket = connection.websocket
    packet = EnginePacket(4, b"x" * 1_000_000)
    async with asyncio.timeout(DEADLINE):
        while (pending := websocket.write(packet)) is None:
            await asyncio.sleep(0)
        writes.clear()
        for number in range(1000):
            websocket.data_received(frame(9, b"%d" % number))
        assert writes == []
        while not pending.done():
            await connection.reader.read(1_000_000)
        # Whoever waited for the client goes on behind the pong that it is owed.
        await asyncio.sleep(0)
        assert [data for _, data in writes] == [b"\x8a\x03999"]


async def test_a_full_cork_tells_that_the_client_does_not_read(connect: Any) -> None:
    """Also where it is the end of the turn that found it out."""
    connection = await connect()
    await connection.open()
    packet = EnginePacket(4, b"x" * (MAX_CORKED - 100))
    async with asyncio.timeout(DEADLINE):
        while connection.websocket.write(packet) is None:
            await asyncio.sleep(0)
