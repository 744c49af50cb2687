"""What a script has emitted has left when it ends, although nobody waited for it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from brokers import answers, test_url

from socketio import RedisManager
from socketio.testing.contracts.cluster import Node

MESSAGES = 300
SCRIPTS = {
    "sync": """
        import sys, threading, socketio
        manager = socketio.RedisManager(sys.argv[1], channel=sys.argv[2], write_only=True)
        for number in range({messages}):
            threading.Thread(target=manager.emit, args=("n", number), daemon=True).start()
    """,
    "async": """
        import asyncio, sys, socketio
        manager = socketio.AsyncRedisManager(sys.argv[1], channel=sys.argv[2], write_only=True)
        async def main():
            emits = [asyncio.ensure_future(manager.emit("n", each)) for each in range({messages})]
            for _ in range(3):
                await asyncio.sleep(0)  # all of them wait now; they are cancelled with the loop
        asyncio.run(main())
    """,
}


@pytest.fixture
def node(channel: str, need: Any) -> Iterator[Node]:
    need("redis", answers("redis"), "make brokers")
    node = Node("sync", lambda: RedisManager(test_url("redis"), channel=channel))
    yield node
    node.stop()


@pytest.fixture
def channel() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize("flavour", SCRIPTS)
def test_what_was_emitted_has_left_when_the_process_ends(
    node: Node, channel: str, flavour: str
) -> None:
    client = node.client()
    lines = SCRIPTS[flavour].format(messages=MESSAGES).splitlines()
    script = "\n".join(line[8:] for line in lines)
    command = [sys.executable, "-c", script, test_url("redis"), channel]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    node.emit("last")
    assert sorted(event[1] for event in client.until("last")) == list(range(MESSAGES))
