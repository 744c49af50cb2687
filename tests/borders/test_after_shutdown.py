"""A test client that is used after the server has been shut down is told so, or served."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import socketio
from socketio.testing import AsyncTestClient, TestClient

DEADLINE = 20.0
POLL: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/socket.io/",
    "query_string": b"EIO=4&transport=polling",
    "headers": [],
}


def test_clients_of_threads() -> None:
    sio = socketio.Server()
    sio.on("echo", lambda sid, data: data)
    before = TestClient(sio)
    before.connect()
    sio.shutdown()
    with pytest.raises(ConnectionAbortedError, match="the session ended: server disconnect"):
        before.call("echo", 1, timeout=DEADLINE)
    after = TestClient(sio)
    after.connect()
    assert after.call("echo", 2, timeout=DEADLINE) == [2]
    sio.shutdown()


async def test_clients_of_an_event_loop() -> None:
    sio = socketio.AsyncServer()
    sio.on("echo", lambda sid, data: data)
    before = AsyncTestClient(sio)
    await before.connect()
    await sio.shutdown()
    with pytest.raises(ConnectionAbortedError, match="the session ended: server disconnect"):
        await before.call("echo", 1, timeout=DEADLINE)
    after = AsyncTestClient(sio)
    await after.connect()
    assert await after.call("echo", 2, timeout=DEADLINE) == [2]
    await sio.shutdown()


async def poll(app: Any) -> tuple[int, bytes]:
    """Ask an ASGI application for a handshake, as the test clients of frameworks do."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app(dict(POLL), receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_requests_before_in_and_after_a_lifespan() -> None:
    """A second lifespan begins anew; outside of one, a server that has stopped says so."""
    app = socketio.ASGIApp(socketio.AsyncServer())
    assert (await poll(app))[0] == 200
    for _ in range(2):
        events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        lifespan = asyncio.create_task(app({"type": "lifespan"}, events.get, answers.put))
        async with asyncio.timeout(DEADLINE):
            await events.put({"type": "lifespan.startup"})
            assert (await answers.get())["type"] == "lifespan.startup.complete"
            assert (await poll(app))[0] == 200
            await events.put({"type": "lifespan.shutdown"})
            assert (await answers.get())["type"] == "lifespan.shutdown.complete"
            await lifespan
        status, body = await poll(app)
        assert status == 503
        assert b"The server is stopping" in body
