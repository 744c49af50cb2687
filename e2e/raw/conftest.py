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
def engine(http: aiohttp.ClientSession, server: Program) -> OpenEngine:
    """Make an Engine.IO session, not yet opened, on a variant of the server."""

    def make(variant: str = "main") -> EngineSession:
        return EngineSession(http, server.url, "socket.io" if variant == "main" else variant)

    return make


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
