"""The official Java client (Android's, too) against every server, over every transport."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rig.foreign import line_of, programs
from rig.kinds import E2E
from rig.process import Program

import socketio

HALF = "half \ud83d"
BLOB = bytes(number % 256 for number in range(1000))
CLASSES = E2E / ".tools" / "java-client"
Run = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def run_java(need: Callable[..., str]) -> Iterator[Run]:
    """Run the program for one base URL and a list of transports, and return what it saw."""
    java = need("java", shutil.which("java"), "apt-get install default-jdk-headless maven")
    target = "e2e/.tools/java-client/Client.class"
    need("java-client", (CLASSES / "Client.class").is_file(), f"make {target}")
    with programs() as start:

        def run(url: str, transports: str) -> dict[str, Any]:
            client = start(
                [java, "-cp", f"{CLASSES}:{CLASSES}/libraries/*", "Client", url, transports]
            )
            greeting = line_of(client)
            with socketio.SimpleClient() as other:
                other.connect(url)
                # Java itself writes a question mark for half a character.
                other.emit("tell", (greeting["sid"], "half", HALF, {HALF: [HALF]}))
                return line_of(client)

        yield run


@pytest.mark.heavy
@pytest.mark.parametrize("transports", ["polling", "websocket", "polling,websocket"])
def test_a_conversation(server: Program, run_java: Run, transports: str) -> None:
    facts = run_java(server.url, transports)
    assert facts["transport"] == transports.rpartition(",")[2]
    assert facts["auth"] == {"tag": "java", "half": "half ?"}
    assert facts["half"] == [HALF, {HALF: [HALF]}]
    values = ["Grüße 🚀", 1.5, True, BLOB, b"", "half ?", {"half ?": ["half ?", BLOB]}]
    assert facts["echo"] == facts["ack"] == values
    assert facts["answer"] == [{"answer": ["half ?", BLOB]}]
    assert facts["kinds"] == [
        b"bytes",
        b"bytearray",
        b"memoryview",
        b"",
        {"list": [b"in list"], "tuple": [b"in tuple", [b"deeper"]]},
    ]
    assert facts["numbers"] == list(range(200))
    assert facts["reason"] == "io server disconnect"
    assert facts["own reason"] == "io client disconnect"
    first = server.journal.wait(event="disconnect", sid=facts["sid"])
    assert first["reason"] == "server disconnect"
    second = server.journal.wait(event="disconnect", sid=facts["second sid"])
    assert second["reason"] == "client disconnect"
