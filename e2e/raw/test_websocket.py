"""Engine.IO on a websocket, frame by frame."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from typing import Any

import aiohttp
import pytest
from rig.process import Program
from rig.wire import DEADLINE, EngineSession, Peer, RawConnection

LIMIT = 100_000


async def test_opens_on_a_websocket(engine: Any) -> None:
    session: EngineSession = engine()
    handshake = await session.open_websocket()
    assert handshake.keys() == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert handshake["upgrades"] == []
    assert handshake["maxPayload"] == LIMIT


@pytest.mark.python_only("it opens some of them, to close them with the error as the reason")
@pytest.mark.parametrize(
    "query", [{"sid": "nobody"}, {"EIO": "3"}, {"EIO": None}, {"EIO": "x"}], ids=str
)
async def test_refuses_a_handshake(engine: Any, query: dict[str, Any]) -> None:
    """Trap 21: the refusal is an HTTP answer, no websocket that closes."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await engine().websocket(**query)
    assert refused.value.status in {400, 403}


async def test_text_and_binary_keep_their_kind(peer: Any) -> None:
    """Trap 47: an empty attachment too."""
    client: Peer = await peer()
    socket = client.engine.socket
    assert socket is not None
    placeholders = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(2))
    await client.send(f'52-["echo",{placeholders}]', b"\x00\xff", b"")
    packet = await socket.receive()
    assert packet == f'452-["echo",{placeholders}]'
    assert [await socket.receive(), await socket.receive()] == [b"\x00\xff", b""]


BAD_FRAMES = {
    "no type": "abc",
    "unknown type": "7",
    "empty": "",
    "an open packet": '0{"sid":"x"}',
    "an upgrade packet": "5",
    "binary that nobody announced": b"\x04hello",
}
REFERENCE_IGNORES = {"an open packet", "an upgrade packet"}


@pytest.mark.parametrize("case", BAD_FRAMES)
async def test_a_bad_frame_ends_the_session(peer: Any, server: Program, case: str) -> None:
    """Trap 26: at once, with the handler called once."""
    if server.reference and case in REFERENCE_IGNORES:
        # Packets that only the other side sends: the specification leaves the answer open.
        return
    client: Peer = await peer()
    await client.raw(BAD_FRAMES[case])
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1


@pytest.mark.python_only("it ignores the packet on a websocket")
async def test_a_close_packet_closes_the_websocket(peer: Any, server: Program) -> None:
    client: Peer = await peer()
    await client.raw("1")
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] in {"client disconnect", "transport close"}


async def test_a_closed_websocket_ends_the_session(peer: Any, server: Program) -> None:
    client: Peer = await peer()
    assert client.engine.socket is not None
    await client.engine.socket.close()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport close"


async def test_a_cut_connection_ends_the_session(server: Program) -> None:
    """No close frame: the TCP connection is reset."""
    raw = await RawWebSocket.open(server.url)
    sid = await raw.join()
    raw.connection.writer.transport.abort()
    entry = await server.seen(event="disconnect", sid=sid)
    assert entry["reason"] in {"transport close", "transport error"}


@pytest.mark.parametrize("letter", ["x", "世"])
async def test_a_frame_over_the_limit_ends_the_session(
    peer: Any, server: Program, letter: str
) -> None:
    """Trap 51: bytes are counted, not characters."""
    client: Peer = await peer()
    await client.raw(f'42["echo","{letter * (LIMIT // len(letter.encode()))}"]')
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] in {"transport error", "transport close"}
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1


async def test_a_binary_frame_over_the_limit_ends_the_session(peer: Any, server: Program) -> None:
    """Trap 51."""
    client: Peer = await peer()
    await client.raw('451-["echo",{"_placeholder":true,"num":0}]', bytes(LIMIT + 1))
    await client.gone()
    await server.seen(event="disconnect", sid=client.sids["/"])


@pytest.mark.parametrize("letter", ["x", "世"])
async def test_a_frame_at_the_limit_is_taken(peer: Any, letter: str) -> None:
    """Trap 51: the frame as a whole may be as long as the limit."""
    client: Peer = await peer()
    frame = '420["ack plain",""]'
    letters = letter * ((LIMIT - len(frame)) // len(letter.encode()))
    letters += "y" * (LIMIT - len(frame) - len(letters.encode()))
    await client.raw(frame.replace('""', f'"{letters}"'))
    assert await client.ask("ack plain", 1) != [1], "the first answer was for id 0"


class RawWebSocket:
    """A websocket whose frames are the test's own bytes."""

    def __init__(self, connection: RawConnection) -> None:
        self.connection = connection

    @classmethod
    async def open(cls, base: str, path: str = "socket.io") -> RawWebSocket:
        connection = await RawConnection.open(base)
        key = base64.b64encode(os.urandom(16)).decode()
        await connection.send(
            f"GET /{path}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        status, _ = await connection.head()
        assert status == 101
        self = cls(connection)
        opcode, payload = await self.frame()
        assert opcode == 1
        assert payload.startswith(b"0{")
        return self

    async def send(self, payload: bytes, opcode: int = 1, *, final: bool = True) -> None:
        mask = b"\x01\x02\x03\x04"
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
        await self.connection.send(
            bytes([(0x80 if final else 0) | opcode]) + length + mask + masked
        )

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(DEADLINE):
            first, second = await self.connection.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.connection.reader.readexactly(2))
            return first & 0x0F, await self.connection.reader.readexactly(size)

    async def join(self) -> str:
        await self.send(b"40")
        _, payload = await self.frame()
        assert payload.startswith(b'40{"sid":"'), payload
        return payload.decode().split('"')[3]


@pytest.mark.parametrize(
    "damage",
    [
        "packet",
        # uvicorn itself logs the failure to decode, before the message gets to anybody
        pytest.param("utf8", marks=pytest.mark.logs_traceback),
        "unmasked",
        "reserved opcode",
        "reserved bit",
        "lone continuation",
    ],
)
async def test_nothing_but_a_close_frame_follows_damage(server: Program, damage: str) -> None:
    """Trap 26, trap 55: no HTTP error page is written into the websocket."""
    raw = await RawWebSocket.open(server.url)
    sid = await raw.join()
    match damage:
        case "packet":
            await raw.send(b"abc")
        case "utf8":
            await raw.send(b'42["echo","\xff\xfe"]')
        case "unmasked":
            await raw.connection.send(b"\x81\x0242")
        case "reserved opcode":
            await raw.send(b"42", opcode=3)
        case "reserved bit":
            await raw.connection.send(b"\xd1\x82\x00\x00\x00\x0042")
        case "lone continuation":
            await raw.send(b"42", opcode=0)
    entry = await server.seen(event="disconnect", sid=sid)
    assert entry["reason"] in {"transport error", "transport close"}
    try:
        opcode, payload = await raw.frame()
    except asyncio.IncompleteReadError as cut:
        if cut.partial:
            pytest.fail(f"not a whole frame: {cut.partial!r}")
    else:
        assert opcode == 8, payload
        await raw.send(payload[:2], opcode=8)
        assert await raw.connection.rest() == b""
    await raw.connection.close()
    assert len(server.journal.all(event="disconnect", sid=sid)) == 1


async def test_a_fragmented_message_is_one_packet(server: Program) -> None:
    raw = await RawWebSocket.open(server.url)
    await raw.join()
    await raw.send(b'42["ec', final=False)
    await raw.send(b'ho","frag', opcode=0, final=False)
    await raw.send(b"", opcode=9)  # a ping of the websocket protocol in between
    await raw.send(b'ments"]', opcode=0)
    frames = [await raw.frame(), await raw.frame()]
    await raw.connection.close()
    assert (1, b'42["echo","fragments"]') in frames
    assert any(opcode == 10 for opcode, _ in frames)


async def test_a_client_that_never_reads_harms_nobody(peer: Any, server: Program) -> None:
    """A receive window that stays full holds up this client alone."""
    deaf = await RawWebSocket.open(server.url)
    await deaf.join()
    for _ in range(60):
        await deaf.send(b'42["text",90000]')
    other: Peer = await peer()
    assert await other.ask("ack plain", "quick") == ["quick"]
    await deaf.connection.close()


@pytest.mark.parametrize("session", ["new", "upgrade"])
async def test_clients_that_go_during_the_opening_handshake(
    peer: Any, server: Program, session: str
) -> None:
    """Trap 26: nothing is logged as a crash, nobody else notices."""
    client: Peer = await peer("polling")
    query = f"&sid={client.engine.sid}" if session == "upgrade" else ""
    key = base64.b64encode(os.urandom(16)).decode()
    for _ in range(20):
        connection = await RawConnection.open(server.url)
        await connection.send(
            f"GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        connection.writer.transport.abort()
    assert await client.ask("ack plain", 1) == [1]


async def offer(
    http: aiohttp.ClientSession, session: EngineSession, *names: str, sid: str = ""
) -> tuple[str | None, str]:
    """Open a websocket that offers subprotocols; return the chosen one and the first message."""
    query = {"EIO": "4", "transport": "websocket"} | ({"sid": sid} if sid else {})
    async with http.ws_connect(session.url, params=query, protocols=names) as socket:
        if sid:
            await socket.send_str("2probe")
        return socket.protocol, await socket.receive_str()


async def test_the_first_offered_subprotocol_is_chosen(
    engine: Any, http: aiohttp.ClientSession
) -> None:
    """A browser that offers some fails a websocket which is accepted without one."""
    for names in (["one"], ["two", "one"]):
        chosen, opened = await offer(http, engine(), *names)
        assert chosen == names[0]
        assert opened.startswith("0{")
    session = engine()
    await session.open_polling()
    assert await offer(http, session, "two", "one", sid=session.sid) == ("two", "3probe")
    assert (await offer(http, engine()))[0] is None


@pytest.mark.python_only("its ws has a function for that")
async def test_the_first_offered_subprotocol_that_is_served_is_chosen(
    engine: Any, http: aiohttp.ClientSession
) -> None:
    session = engine("nocors")
    for names, expected in (
        (["other", "second", "known"], "second"),
        (["known"], "known"),
        (["other"], None),
        (["KNOWN"], None),
    ):
        chosen, opened = await offer(http, session, *names)
        assert (chosen, opened[:2]) == (expected, "0{")
