"""Fixtures of the tests that put every byte on the wire themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from rig.process import Program
from rig.wire import EngineSession, Peer

OpenEngine = Callable[..., EngineSession]
OpenPeer = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections that the test shares, without cookies or automatic decompression."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(30)
    ) as session:
        yield session


@pytest.fixture
async def engine(http: aiohttp.ClientSession, server: Program) -> AsyncIterator[OpenEngine]:
    """Make an Engine.IO session, not yet opened, on a variant of the server."""
    made: list[EngineSession] = []

    def make(variant: str = "main") -> EngineSession:
        path = "socket.io" if variant == "main" else variant
        made.append(EngineSession(http, server.url, path))
        return made[-1]

    yield make
    for session in made:
        await session.close()


@pytest.fixture
def peer(engine: OpenEngine) -> OpenPeer:
    """Open a Socket.IO session; join ``/`` unless told not to."""

    async def open_peer(
        transport: str = "websocket",
        variant: str = "main",
        *,
        join: bool = True,
        **auth: object,
    ) -> Peer:
        peer = await Peer(engine(variant), transport).open()
        if join:
            await peer.connect(auth=auth or ...)
        return peer

    return open_peer
