"""What a program emits last arrives, although nobody has shut anything down in it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from brokers import RedisServer, private

from socketio import RedisManager
from socketio.testing.contracts.cluster import Node

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("stopping")]

BEGIN = """
import asyncio
import atexit
import os
import sys

import socketio

OPTIONS = {"url": os.environ["STOPPING_REDIS"], "channel": os.environ["STOPPING_CHANNEL"]}
"""
NUMBERS = 50
PROGRAMS = {
    "a server whose loop ends": """
sio = socketio.AsyncServer(
    client_manager=socketio.AsyncRedisManager(**OPTIONS), async_mode="asgi"
)


async def main():
    await sio.start()
    for number in range(50):
        await sio.emit("n", number)


asyncio.run(main())
""",
    "a server of threads": """
sio = socketio.Server(client_manager=socketio.RedisManager(**OPTIONS), async_mode="threading")
sio.start()
for number in range(50):
    sio.emit("n", number)
""",
    "a server in atexit": """
sio = socketio.Server(client_manager=socketio.RedisManager(**OPTIONS), async_mode="threading")


@atexit.register
def emit():
    for number in range(50):
        sio.emit("n", number)


sio.start()
""",
    "a manager that emits in atexit": """
manager = socketio.RedisManager(**OPTIONS, write_only=True)


@atexit.register
def emit():
    manager.emit("n", 49)


for number in range(49):
    manager.emit("n", number)
sys.exit(0)
""",
}


@pytest.fixture(scope="module")
def broker(need: Any) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as server:
        yield server


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_last_words_of_a_program_arrive(broker: RedisServer, name: str) -> None:
    channel = uuid.uuid4().hex
    node = Node("sync", lambda: RedisManager(broker.url, channel=channel))
    try:
        client = node.client()
        ended = subprocess.run(
            [sys.executable, "-c", BEGIN + PROGRAMS[name]],
            env={**os.environ, "STOPPING_REDIS": broker.url, "STOPPING_CHANNEL": channel},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr, ended.stderr
        node.emit("last")
        assert client.until("last") == [["n", number] for number in range(NUMBERS)], ended.stderr
    finally:
        node.stop()
