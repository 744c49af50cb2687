"""Coroutines of a server that are called in the event loop of another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import socketio
from socketio.testing.memory import AsyncTestClient

Call = Callable[[socketio.AsyncServer, str], Coroutine[Any, Any, Any]]

CALLS: dict[str, Call] = {
    "emit": lambda sio, sid: sio.emit("x", 1, to=sid),
    "send": lambda sio, sid: sio.send("x", to=sid),
    "call": lambda sio, sid: sio.call("ask", to=sid),
    "enter_room": lambda sio, sid: sio.enter_room(sid, "other"),
    "leave_room": lambda sio, sid: sio.leave_room(sid, "room"),
    "close_room": lambda sio, sid: sio.close_room("room"),
    "get_session": lambda sio, sid: sio.get_session(sid),
    "save_session": lambda sio, sid: sio.save_session(sid, {}),
    "disconnect": lambda sio, sid: sio.disconnect(sid),
    "disconnect and close": lambda sio, sid: sio.disconnect(sid, close=True),
    "start": lambda sio, sid: sio.start(),
}


@pytest.mark.parametrize("name", CALLS)
async def test_the_server_stays_in_its_loop(name: str) -> None:
    sio = socketio.AsyncServer()
    left: list[Any] = []

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        left.append((asyncio.get_running_loop(), reason))

    @sio.event
    async def ping(sid: str) -> str:
        await asyncio.sleep(0)
        return "pong"

    client = AsyncTestClient(sio)
    client.on("ask", lambda: "answer")
    sid = await client.connect()
    await sio.enter_room(sid, "room")
    result = await asyncio.to_thread(lambda: asyncio.run(CALLS[name](sio, sid)))
    assert result == {"call": "answer", "get_session": {}}.get(name)
    if name.startswith("disconnect"):
        assert left == [(asyncio.get_running_loop(), "server disconnect")]
    # Another client is served as before, timers included.
    other = AsyncTestClient(sio)
    await other.connect()
    assert await other.call("ping") == ["pong"]
    assert sio.eio.runtime.loop is asyncio.get_running_loop()
    await sio.shutdown()


async def test_what_is_raised_comes_back() -> None:
    sio = socketio.AsyncServer()
    await AsyncTestClient(sio).connect()
    with pytest.raises(ValueError, match="not connected"):
        await asyncio.to_thread(lambda: asyncio.run(sio.enter_room("nobody", "room")))
    await sio.shutdown()


async def test_shutdown() -> None:
    sio = socketio.AsyncServer()
    client = AsyncTestClient(sio)
    await client.connect()
    await asyncio.to_thread(lambda: asyncio.run(sio.shutdown()))
    assert client.reason == "server disconnect"
