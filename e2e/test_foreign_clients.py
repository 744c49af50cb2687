"""Clients written in Go and Rust against every server, over every transport."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rig.foreign import GO, RUST, ForeignProgram
from rig.node import from_wire
from rig.process import Program

BLOB = bytes(number % 256 for number in range(1000))
DEADLINE = 60.0
"""Seconds that a program has to end; each step of the conversation has a shorter one."""

Run = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.heavy


@pytest.fixture
def run(need: Callable[..., Any]) -> Iterator[Run]:
    """Run a client to its end and return what it saw."""
    running: list[subprocess.Popen[str]] = []

    def start(program: ForeignProgram, *arguments: str) -> dict[str, Any]:
        client = subprocess.Popen(
            [program.path(need), "client", *arguments],
            stdin=subprocess.PIPE,  # it ends when this is closed
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        running.append(client)
        assert client.stdout is not None
        output = client.stdout.readline()  # its steps have deadlines
        if not output:
            raise AssertionError(client.communicate(timeout=DEADLINE)[1])
        facts: dict[str, Any] = from_wire(json.loads(output))
        return facts

    yield start
    for client in running:
        try:
            client.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            raise


def both_reasons(server: Program, facts: dict[str, Any], *own: str) -> None:
    """Check what the server was told of a client that it sent away, and that left the next time."""
    first = server.journal.wait(event="disconnect", sid=facts["sid"])
    assert first["reason"] == "server disconnect"
    second = server.journal.wait(event="disconnect", sid=facts["second sid"])
    assert second["reason"] in {"client disconnect", *own}


# The client itself loses a packet now and then, with the official server too.
@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("transports", ["polling", "websocket", "polling,websocket"])
def test_go(server: Program, run: Run, transports: str) -> None:
    # Over polling it sends nothing while a poll waits: frequent pings end its polls.
    path = "/brief/" if transports == "polling" else "/socket.io/"
    facts = run(GO, server.url, path, transports)
    assert facts["transport"] == transports.rpartition(",")[2]
    assert facts["auth"] == {"tag": "go"}
    assert facts["echo"] == facts["ack"]
    assert facts["ack"] == ["Grüße 🚀", 1.5, True, BLOB, b"", {"deep": ["er", BLOB]}]
    assert facts["answer"] == [{"answer": ["why", BLOB]}]
    assert facts["kinds"] == [
        b"bytes",
        b"bytearray",
        b"memoryview",
        b"",
        {"list": [b"in list"], "tuple": [b"in tuple", [b"deeper"]]},
    ]
    assert facts["numbers"] == list(range(200))
    assert facts["reason"] == ["io server disconnect"]
    assert facts["own reason"] == ["io client disconnect"]
    # It closes its connection while its last packet may still wait to be written.
    both_reasons(server, facts, "transport close")


@pytest.mark.parametrize("transports", ["polling", "websocket", "polling,websocket"])
def test_rust(server: Program, run: Run, transports: str) -> None:
    facts = run(RUST, server.url, transports)
    assert facts["transport"] == transports.rpartition(",")[2]
    assert facts["auth"] == {"tag": "rust"}
    assert facts["echo"] == facts["ack"] == ["Grüße 🚀", 1.5, True, {"deep": ["er", None]}]
    assert facts["binary"] == ([BLOB, b""] if transports == "polling" else [])
    assert facts["numbers"] == list(range(200))
    both_reasons(server, facts)
