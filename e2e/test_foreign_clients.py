"""Clients written in Go and Rust against every server, over every transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rig.foreign import GO, RUST, line_of, programs
from rig.process import Program

BLOB = bytes(number % 256 for number in range(1000))
Run = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.heavy


@pytest.fixture
def run(need: Callable[..., Any]) -> Iterator[Run]:
    """Run a client to its end and return what it saw."""
    with programs() as start:
        yield lambda program, *arguments: line_of(start([program.path(need), "client", *arguments]))


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
