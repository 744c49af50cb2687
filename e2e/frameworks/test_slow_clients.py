"""Clients that do not read, or do not send what they have announced, under every server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from frameworks.servers import SERVERS, Server
from frameworks.test_servers import WebServer, start
from rig.wire import EngineSession, Peer, RawConnection

from socketio.protocol.websocket import encode_frame

DEADLINE = 20.0
ESTABLISHED = "01"

pytestmark = [pytest.mark.server, pytest.mark.heavy]

OUT_OF_REACH = {"granian", "uWSGI"}
"""Servers that keep their connections to themselves, or to their router: they cut none, but our
part of it ends."""

BUFFERING = {"daphne", "waitress"}
"""Servers that read a body to its end before they call the application."""

HANDSHAKE = (
    b"GET /narrow/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def servers(*columns: str, but: Collection[str] = ()) -> Any:
    """Run a test for the servers that can do something.

    Args:
        *columns: What they must be able to do: columns of the table.
        but: Names of servers to leave out.
    """
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(server, id=server.name, marks=pytest.mark.xdist_group(server.name))
            for server in SERVERS
            if not set(columns) & set(server.cannot) and server.name not in but
        ],
    )


@pytest.fixture
async def program(kind: Server, need: Any) -> AsyncIterator[WebServer]:
    program = await asyncio.to_thread(start, kind, need)
    yield program
    crashes = program.crashes()
    program.end()
    assert not crashes, crashes


def masked(message: str) -> bytes:
    """Return a client's frame, with a mask of zeros."""
    plain = encode_frame(message)
    return bytes((plain[0], plain[1] | 0x80)) + b"\0\0\0\0" + plain[2:]


async def connect_slow(port: int) -> socket.socket:
    """Join `/` over a websocket whose receive buffer is small, and read nothing more."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    for sent, expected in ((HANDSHAKE, b'0{"sid"'), (masked("40"), b'40{"sid"')):
        await loop.sock_sendall(client, sent)
        received = b""
        async with asyncio.timeout(DEADLINE):
            while expected not in received:
                received += await loop.sock_recv(client, 4096)
    return client


def held_by_server(server: int, client: int) -> bool:
    """Tell whether a server has not let go of a connection; a client that does not read it to
    its end learns nothing of that.

    Args:
        server: The server's port.
        client: The client's port.
    """
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if local.endswith(f":{server:04X}") and remote.endswith(f":{client:04X}"):
            return state == ESTABLISHED
    return False


@servers("websocket")
async def test_a_client_that_does_not_read(kind: Server, program: WebServer) -> None:
    client = await connect_slow(program.port)
    port = client.getsockname()[1]
    loop = asyncio.get_running_loop()
    sid = (await program.seen(event="connect", server="narrow"))["sid"]
    await loop.sock_sendall(client, masked('42["text",100000]') * 300)
    entry = await program.seen(DEADLINE, event="disconnect", sid=sid)
    assert entry["reason"] == "transport error"
    if kind.name not in OUT_OF_REACH:
        async with asyncio.timeout(DEADLINE):
            while held_by_server(program.port, port):
                await asyncio.sleep(0.02)
    client.close()
    async with aiohttp.ClientSession() as http:
        other = await Peer(EngineSession(http, program.url), "websocket").open()
        await other.connect()
        assert await other.ask("ack plain", 1) == [1]


@servers(but=BUFFERING)
@pytest.mark.parametrize("sid", [None, "unknown"], ids=["session", "unknown"])
async def test_a_body_that_never_ends(kind: Server, program: WebServer, sid: str | None) -> None:
    async with aiohttp.ClientSession() as http:
        client = await Peer(EngineSession(http, program.url, "hurried"), "polling").open()
        await client.connect()
        query = f"EIO=4&transport=polling&sid={sid or client.engine.sid}"
        connection = await RawConnection.open(program.url)
        head = f"POST /hurried/?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
        await connection.send(head + "4")
        answer = await connection.answer()
        await connection.close()
        assert (answer.status, answer.error["code"]) == ((400, 1) if sid else (408, 3))
        if sid is None:
            entry = await program.seen(event="disconnect", sid=client.sids["/"])
            assert entry["reason"] == "transport error"
