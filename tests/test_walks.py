"""The files that one event and one emit cross are those that the architecture page lists."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import socketio
from socketio.abc import Request
from socketio.web import TransportWebSocket

PACKAGE = Path(socketio.__file__).parent
PAGE = PACKAGE.parent / "docs" / "explanation" / "architecture.md"
ITEM = re.compile(r"^\d+\. `([\w/]+\.py)`", re.MULTILINE)
EVENT, EMIT = "An inbound event crosses these files:", "An emit crosses these:"
DEADLINE = 20.0

HEADERS = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def listed(heading: str) -> list[str]:
    """Return the files of a numbered list of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(heading)[2]
    first = text.index("1. ")
    return ITEM.findall(text[: text.index("\n\n", first)])


class Walk:
    """The files of the package whose functions have run, in the order of their first call."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}

    def __enter__(self) -> Walk:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: Any, event: str, argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            self.files.setdefault(path.relative_to(PACKAGE).as_posix())


class Opening(Request):
    """The opening handshake of a websocket."""

    def __init__(self) -> None:
        super().__init__("GET", "EIO=4&transport=websocket")

    def header(self, name: str) -> str | None:
        return HEADERS.get(name)

    def build_environ(self) -> dict[str, Any]:
        return {}

    async def read_body(self, max_bytes: int) -> bytes:
        return b""


class ServersProtocol(asyncio.Protocol):
    """What a web server has on a connection."""

    def __init__(self) -> None:
        self.connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connected.set_result(transport)


def frame(text: str) -> bytes:
    """Return a client's frame, masked with zeros."""
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text.encode()


class Connected:
    """A server, and the client's end of a websocket that a namespace has accepted."""

    def __init__(self) -> None:
        self.server = socketio.AsyncServer(async_mode="asgi")
        self.arrived = asyncio.Event()
        self.sid = ""
        self.server.on("connect", self._connect)
        self.server.on("news", self._news)

    def _connect(self, sid: str, environ: Any) -> None:
        self.sid = sid

    async def _news(self, sid: str, data: Any) -> None:
        self.arrived.set()

    async def read_until(self, part: bytes) -> None:
        data = b""
        async with asyncio.timeout(DEADLINE):
            while part not in data:
                data += await self.reader.read(1000)

    async def send_event(self) -> None:
        self.arrived.clear()
        self.writer.write(frame('42["news",{"a":1}]'))
        async with asyncio.timeout(DEADLINE):
            await self.arrived.wait()

    async def open(self) -> Callable[[], Any]:
        protocol = ServersProtocol()
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: protocol, "127.0.0.1", 0)
        address = listening.sockets[0].getsockname()
        self.reader, self.writer = await asyncio.open_connection(*address)
        request = Opening()
        websocket = TransportWebSocket(self.server.eio, await protocol.connected, request=request)
        serving = asyncio.create_task(self.server.eio.handle_websocket(request, websocket))
        self.writer.write(frame("40"))
        await self.read_until(b"40{")
        # What is found out once and remembered is no part of a walk.
        await self.send_event()
        await self.server.emit("news", {"a": 1}, to=self.sid)
        await self.read_until(b"news")

        async def end() -> None:
            self.writer.close()
            async with asyncio.timeout(DEADLINE):
                await serving
            listening.close()
            await self.server.shutdown()

        return end


@pytest.fixture
async def connected() -> AsyncIterator[Connected]:
    connected = Connected()
    end = await connected.open()
    yield connected
    await end()


async def test_an_event(connected: Connected) -> None:
    with Walk() as walk:
        await connected.send_event()
    assert list(walk.files) == listed(EVENT)


@pytest.mark.parametrize("to", ["everyone", "client", "room"])
async def test_an_emit(connected: Connected, to: str) -> None:
    await connected.server.enter_room(connected.sid, "room")
    room = {"everyone": None, "client": connected.sid, "room": "room"}[to]
    with Walk() as walk:
        await connected.server.emit("news", {"a": 1}, to=room)
        await connected.read_until(b"news")
    if find_spec("orjson") is None:  # Python's own JSON module writes half characters
        walk.files.pop("protocol/surrogates.py")
    assert list(walk.files) == listed(EMIT)
