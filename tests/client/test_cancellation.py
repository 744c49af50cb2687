"""Clients whose callers are cancelled or interrupted: nothing stays open, and nothing is stuck."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

import socketio

from .conftest import DEADLINE
from .raw_server import WebsocketServer

BOTH = ["polling", "websocket"]
Server = tuple[str, socketio.AsyncServer]


@pytest.mark.parametrize("turns", range(1, 7))
@pytest.mark.parametrize("transport", BOTH)
async def test_a_disconnect_that_is_cancelled_ends_the_connection(
    socketio_server: Server,
    logged_errors: Callable[[], list[str]],
    transport: str,
    turns: int,
) -> None:
    url, _ = socketio_server
    client = socketio.AsyncClient()
    before = asyncio.all_tasks()
    await client.connect(url, transports=[transport], wait_timeout=DEADLINE)
    leaving = asyncio.ensure_future(client.disconnect())
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    await asyncio.wait_for(client.disconnect(), DEADLINE)
    assert not client.connected
    await asyncio.wait_for(client.wait(), DEADLINE)
    while asyncio.all_tasks() != before:
        await asyncio.sleep(0.01)
    await client.connect(url, transports=[transport], wait_timeout=DEADLINE)
    await client.disconnect()
    await client.wait()
    assert logged_errors() == []


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], None])
async def test_whatever_is_cancelled_leaves_nothing_behind(
    socketio_server: Server, logged_errors: Callable[[], list[str]], transports: list[str] | None
) -> None:
    url, sio = socketio_server
    chance = random.Random(7)  # where in its course each is cancelled
    worked: list[str] = []

    async def slow(sid: str) -> str:
        await asyncio.sleep(0.02)
        return "done"

    async def ask(sid: str) -> None:
        await sio.emit("work", to=sid)

    sio.on("slow", slow)
    sio.on("ask", ask)

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        worked.append("begun")
        await asyncio.sleep(DEADLINE)

    async def briefly(coroutine: Any, seconds: float) -> None:
        try:
            await asyncio.wait_for(coroutine, chance.random() * seconds)
        except TimeoutError:
            pass

    before = asyncio.all_tasks()
    for _ in range(15):
        client = socketio.AsyncClient(reconnection_delay=0.01)
        client.on("work", work)
        await briefly(client.connect(url, transports=transports, wait_timeout=DEADLINE), 0.05)
        if not client.connected:
            assert client.eio.state == "disconnected"
            await client.connect(url, transports=transports, wait_timeout=DEADLINE)
        await client.emit("ask")
        await briefly(client.emit("ask"), 0.001)
        await briefly(client.call("slow"), 0.04)
        assert await client.call("slow", timeout=DEADLINE) == "done"
        await briefly(client.disconnect(), 0.02)
        await client.disconnect()
        await asyncio.wait_for(client.wait(), DEADLINE)
        assert not client.connected
    while asyncio.all_tasks() != before:
        await asyncio.sleep(0.01)
    assert len(worked) >= 15
    assert logged_errors() == []


async def test_a_disconnect_in_another_loop_changes_nothing(socketio_server: Server) -> None:
    url, _ = socketio_server
    client = socketio.AsyncClient()
    await client.connect(url, wait_timeout=DEADLINE)
    with pytest.raises(RuntimeError, match="connected in another event loop"):
        await asyncio.to_thread(asyncio.run, client.disconnect())
    assert client.connected
    await client.disconnect()
    await client.wait()


# -- programs that end ------------------------------------------------------------------------

ENDING = """
import asyncio, sys
import socketio

url, transport, way = sys.argv[1:]

async def main():
    sio = socketio.AsyncClient()

    @sio.event
    async def part(number, text):
        await asyncio.sleep(3600)

    await sio.connect(url, transports=[transport], wait_timeout=20)
    print("connected", flush=True)
    if way == "sending":
        async def send():
            while True:
                await sio.emit("part", "x" * 65000)

        task = asyncio.create_task(send())
        while not sio.eio._connection.room.waiting:
            await asyncio.sleep(0.01)
    elif way == "receiving":
        while not sio.eio._connection.pause.waiting:
            await asyncio.sleep(0.01)
    print("ready", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("way", ["sending", "receiving", "idle"])
def test_a_loop_ends_while_a_client_is_connected(
    way: str, within: Callable[[float, float], None]
) -> None:
    server = WebsocketServer()
    program = subprocess.Popen(
        [sys.executable, "-W", "always", "-c", ENDING, server.url, "websocket", way],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "connected\n"
    if way == "receiving":
        server.send_behind('42["part",{},"' + "x" * 65000 + '"]', 1000)
    assert program.stdout.readline() == "ready\n"
    began = time.monotonic()
    _, errors = program.communicate(timeout=DEADLINE)
    server.close()
    assert (program.returncode, errors) == (0, "")
    within(time.monotonic() - began, 4)


INTERRUPTED = """
import sys
import socketio

sio = socketio.Client()
sio.connect(sys.argv[1], transports=["websocket"], wait_timeout=20)
print("connected", flush=True)
while True:
    sio.emit("part", "x" * int(sys.argv[2]))
"""


@pytest.mark.parametrize("size", [10_000, 200_000])
def test_ctrl_c_ends_an_emit_that_waits(size: int, within: Callable[[float, float], None]) -> None:
    server = WebsocketServer()
    program = subprocess.Popen(
        [sys.executable, "-W", "always", "-c", INTERRUPTED, server.url, str(size)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "connected\n"
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(1)  # until it waits for the server
    began = time.monotonic()
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=DEADLINE)
    server.close()
    assert program.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Warning" not in errors
    within(time.monotonic() - began, 4)
