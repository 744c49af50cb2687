"""Deviations of the compatibility page that no other test holds."""

from __future__ import annotations

import asyncio
from typing import Any

import socketio
from socketio.engine.session import Session
from socketio.protocol.engine import EnginePacket
from socketio.testing.memory import AsyncTestClient, MemoryTransport


async def test_the_application_behind_gets_its_lifespan() -> None:
    seen: list[str] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        while True:
            event = (await receive())["type"]
            seen.append(event)
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return

    app = socketio.ASGIApp(
        socketio.AsyncServer(),
        behind,
        on_startup=lambda: seen.append("on_startup"),
        on_shutdown=lambda: seen.append("on_shutdown"),
    )
    events: asyncio.Queue[Any] = asyncio.Queue()
    answers: list[Any] = []
    for event in ("lifespan.startup", "lifespan.shutdown"):
        events.put_nowait({"type": event})

    async def send(answer: Any) -> None:
        answers.append(answer["type"])

    async with asyncio.timeout(5):
        await app({"type": "lifespan"}, events.get, send)
    assert seen == ["on_startup", "lifespan.startup", "on_shutdown", "lifespan.shutdown"]
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


class StuckTransport(MemoryTransport):
    """A client that reads nothing."""

    def send(self, packet: EnginePacket) -> None:
        self.session.enqueue(packet)


async def test_a_client_that_does_not_read_is_closed() -> None:
    sio = socketio.AsyncServer(max_outbox_size=10_000)
    reasons: asyncio.Queue[str] = asyncio.Queue()

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        reasons.put_nowait(reason)

    client = AsyncTestClient(sio)
    sid = await client.connect()
    assert isinstance(client.session, Session)
    client.session.transport = StuckTransport(client.session)
    for _ in range(9):
        await sio.emit("news", "x" * 1000, to=sid)
    assert client.reason is None
    for _ in range(3):
        await sio.emit("news", "x" * 1000, to=sid)
    async with asyncio.timeout(5):
        assert await reasons.get() == "transport error"
    await sio.shutdown()
