"""Stopping any example with Ctrl-C or SIGTERM ends it within a second, in an orderly way."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from rig.example import ExampleServer, python_example
from rig.kinds import E2E
from rig.process import CRASH_SIGNS, wait_until_idle, wait_until_in_charge

SIGNALS = [signal.SIGINT, signal.SIGTERM]
SERVERS = {"werkzeug": "server", "asyncio": "server_asyncio"}
CLIENTS = {"threads": "client", "asyncio": "client_asyncio"}
TRANSPORTS = [["polling"], ["websocket"]]
LIMIT = 1.0
"""Seconds for a process to end."""

CONNECT = """
import json, sys, socketio
sio = socketio.Client()
url, namespace, transports = sys.argv[1:]
sio.connect(url, namespaces=[namespace], transports=json.loads(transports))
print("connected", flush=True)
sio.wait()
"""
"""A client that stays; its own end is not what is tested."""


@pytest.fixture
def stay() -> Iterator[Callable[..., None]]:
    """Connect a client to a server, from a process of its own."""
    running: list[subprocess.Popen[str]] = []

    def connect(url: str, namespace: str, transports: list[str]) -> None:
        command = [sys.executable, "-c", CONNECT, url, namespace, json.dumps(transports)]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(client)
        assert client.stdout is not None
        assert client.stdout.readline() == "connected\n"

    yield connect
    for client in running:
        client.kill()
        client.communicate()


@pytest.mark.server
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("transports", TRANSPORTS, ids="-".join)
@pytest.mark.parametrize("program", SERVERS.values(), ids=SERVERS)
def test_a_server_with_clients(
    stay: Callable[..., None],
    within: Callable[[float, float], None],
    program: str,
    transports: list[str],
    number: signal.Signals,
) -> None:
    """Trap 29."""
    server = ExampleServer(*python_example("class_namespaces", program))
    server.start()
    for _ in range(3):
        stay(server.url, "/test", transports)
    wait_until_idle(server.process.pid)
    seconds = server.stop(number)
    # Threads print at once, so one's words may stand between another's.
    said = "\n".join(server.lines)
    assert said.count("disconnect") == 3, said
    for sid in re.findall(r"^connect ([\w-]{20})$", said, re.MULTILINE):
        assert said.count(sid) == 2, said
    assert server.crashes() == "", server.errors
    within(seconds, LIMIT)


@pytest.mark.server
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("program", SERVERS.values(), ids=SERVERS)
def test_a_server_with_a_task_in_the_background(
    stay: Callable[..., None],
    within: Callable[[float, float], None],
    program: str,
    number: signal.Signals,
) -> None:
    server = ExampleServer(*python_example("background", program))
    server.start()
    stay(server.url, "/", ["websocket"])
    wait_until_idle(server.process.pid)
    seconds = server.stop(number)
    assert server.crashes() == "", server.errors
    within(seconds, LIMIT)


@pytest.mark.server
@pytest.mark.node
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("program", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("served_by", [*SERVERS, "javascript"])
def test_a_client_that_waits(
    request: pytest.FixtureRequest,
    within: Callable[[float, float], None],
    served_by: str,
    program: str,
    number: signal.Signals,
) -> None:
    """Trap 40: the client of the first page, and a server that never ends the conversation."""
    if served_by == "javascript":
        node = request.getfixturevalue("node_path")
        server = ExampleServer(node, str(E2E / "examples" / "servers.mjs"), "rooms")
    else:
        server = ExampleServer(*python_example("rooms", SERVERS[served_by]))
    server.start()
    try:
        client = subprocess.Popen(
            [*python_example("basic", program), server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "connection established\n"
        # SIGTERM is handled only in `wait()`: then the client waits, and is no longer connecting.
        wait_until_in_charge(client.pid, signal.SIGTERM)
        began = time.monotonic()
        client.send_signal(number)
        output, errors = client.communicate(timeout=20)
        seconds = time.monotonic() - began
    finally:
        server.stop()
    assert output == "disconnected from server\n"
    # Python itself tells of Ctrl-C by a traceback that ends so; nothing else may be told.
    if number is signal.SIGINT:
        assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    else:
        assert not any(sign in errors for sign in CRASH_SIGNS), errors
    assert client.returncode == -number
    within(seconds, LIMIT)
