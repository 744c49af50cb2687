"""Websockets of uvicorn's `websockets-sansio`, read and written by ourselves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

import socketio
from socketio.protocol.engine import MESSAGE, EnginePacket
from socketio.web.uvicorn_websocket import UvicornWebSocket

DEADLINE = 10
LIMIT = 5000


class Rig:
    """A server under uvicorn, and what its handlers saw."""

    def __init__(self, server: socketio.AsyncServer, url: str) -> None:
        self.server = server
        self.url = url
        self.reasons: asyncio.Queue[str] = asyncio.Queue()

    async def join(self, compression: str | None = None) -> ClientConnection:
        client = await connect(
            f"{self.url}/socket.io/?EIO=4&transport=websocket", compression=compression
        )
        assert (await client.recv())[0] == "0"
        await client.send("40")
        assert str(await client.recv()).startswith("40")
        return client

    def websocket(self) -> Any:
        """Return the server's side of the only client."""
        [session] = self.server.eio.sessions.values()
        return session.transport._websocket  # type: ignore[attr-defined]  # the transport's own

    async def reason(self) -> str:
        return await asyncio.wait_for(self.reasons.get(), DEADLINE)


@pytest.fixture(params=["websockets-sansio"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    server = socketio.AsyncServer(max_http_buffer_size=LIMIT)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    rig = Rig(server, f"ws://127.0.0.1:{listener.getsockname()[1]}")

    @server.event
    async def echo(sid: str, *data: Any) -> None:
        await server.emit("echo", data, to=sid)

    @server.event
    async def disconnect(sid: str, reason: str) -> None:
        rig.reasons.put_nowait(reason)

    config = uvicorn.Config(
        socketio.ASGIApp(server),
        ws=request.param,
        ws_ping_interval=0.05,
        log_level="critical",
    )
    web_server = uvicorn.Server(config)
    serving = asyncio.create_task(web_server.serve(sockets=[listener]))
    yield rig
    web_server.should_exit = True
    await asyncio.wait_for(serving, DEADLINE)
    listener.close()


async def raw(client: ClientConnection, *frames: Frame | bytes) -> None:
    """Send frames as they are, in one write."""
    client.transport.write(
        b"".join(
            frame if isinstance(frame, bytes) else frame.serialize(mask=True) for frame in frames
        )
    )
    await asyncio.sleep(0)


async def test_messages_are_read_without_uvicorns_parser(rig: Rig) -> None:
    client = await rig.join()
    websocket = rig.websocket()
    assert type(websocket) is UvicornWebSocket
    assert websocket.parses
    await client.send('42["echo","Grüße",1]')
    assert await client.recv() == '42["echo","Grüße",1]'
    await client.send('451-["echo",{"_placeholder":true,"num":0}]')
    await client.send(b"\x00\xff")
    assert await client.recv() == '451-["echo",{"_placeholder":true,"num":0}]'
    assert await client.recv() == b"\x00\xff"
    await client.close()
    assert await rig.reason() == "transport close"


async def test_compressed_messages_are_left_to_uvicorn(rig: Rig) -> None:
    client = await rig.join(compression="deflate")
    assert not rig.websocket().parses
    text = f'42["echo","{"x" * 2000}"]'
    await client.send(text)
    assert await client.recv() == text
    await client.close()
    assert await rig.reason() == "transport close"


async def test_control_frames_are_uvicorns_to_answer(rig: Rig) -> None:
    """In the middle of a message too; uvicorn's own pings are answered all the while."""
    client = await rig.join()
    pong = await client.ping(b"are you there?")
    await raw(
        client,
        Frame(Opcode.TEXT, b'42["ec', fin=False),
        Frame(Opcode.PONG, b"unasked"),
        Frame(Opcode.CONT, b'ho","whole"]'),
    )
    assert await client.recv() == '42["echo","whole"]'
    assert await asyncio.wait_for(pong, DEADLINE) >= 0
    protocol = rig.websocket()._protocol
    async with asyncio.timeout(DEADLINE):
        while protocol.last_ping_rtt == 0:
            await asyncio.sleep(0.01)
    await client.close(1001, "going away")
    assert client.close_code == 1001
    assert await rig.reason() == "transport close"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b'42["echo","\xff"]'), 1007),
        (Frame(Opcode.CONT, b"of nothing"), 1002),
        (b"\xd1\x82\x00\x00\x00\x0042", 1002),
        (Frame(Opcode.BINARY, b"x" * (LIMIT + 1)), 1009),
    ],
    ids=["utf-8", "continuation", "reserved bit", "too big"],
)
async def test_damage_ends_the_session_with_its_close_code(
    rig: Rig, frame: Frame | bytes, code: int
) -> None:
    client = await rig.join()
    await raw(client, Frame(Opcode.TEXT, b'42["echo","before"]'), frame)
    assert await client.recv() == '42["echo","before"]'
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == code
    assert await rig.reason() == "transport error"


async def test_what_is_corked_leaves_before_uvicorn_says_that_it_stops(rig: Rig) -> None:
    client = await rig.join()
    websocket = rig.websocket()
    websocket.write(EnginePacket(MESSAGE, '2["last"]'))
    websocket._protocol.shutdown()
    assert await client.recv() == '42["last"]'
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    assert await rig.reason() == "transport close"


async def test_a_client_that_does_not_read_gets_its_pong_when_it_does(rig: Rig) -> None:
    client = await rig.join()
    websocket = rig.websocket()
    websocket._protocol.writable.clear()  # as when the connection's buffer is full
    assert websocket.write(EnginePacket(MESSAGE, '2["first"]')) is None
    pending = websocket.flush()
    assert pending is not None
    pong = await client.ping(b"last")
    await raw(client, Frame(Opcode.TEXT, b'42["echo","read"]'))
    assert await client.recv() == '42["first"]'
    assert not pong.done()
    websocket._protocol.writable.set()
    assert await asyncio.wait_for(pong, DEADLINE) >= 0
    assert await client.recv() == '42["echo","read"]'
    await client.close()


@pytest.mark.parametrize("rig", ["websockets-sansio", "wsproto"], indirect=True)
async def test_pongs_of_uvicorn_to_a_client_that_reads_nothing_do_not_pile_up(rig: Rig) -> None:
    """Where its own parser reads, as for compressed websockets."""
    client = await rig.join(compression="deflate")
    websocket = rig.websocket()
    asgi = websocket._asgi if type(websocket) is UvicornWebSocket else websocket
    protocol = asgi._send.__self__
    client.transport.pause_reading()
    for transport, option in (
        (client.transport, socket.SO_RCVBUF),
        (protocol.transport, socket.SO_SNDBUF),
    ):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, 4096)
    number = 0
    async with asyncio.timeout(60):
        while protocol.writable.is_set():
            await raw(client, *[Frame(Opcode.PING, b"%0125d" % number)] * 500)
            await asyncio.sleep(0.001)
        full = protocol.transport.get_write_buffer_size()
        for number in range(1, 21):
            await raw(client, *[Frame(Opcode.PING, b"%0125d" % number)] * 500)
            await asyncio.sleep(0.001)
        last = await client.ping(b"the last one")
        await client.send('42["echo","after"]')
        await asyncio.sleep(0.05)  # not a wait for anything: what is not to happen has time to
        assert protocol.transport.get_write_buffer_size() < full + 500_000
        client.transport.resume_reading()
        assert await last >= 0
        assert await client.recv() == '42["echo","after"]'
    await client.close()
