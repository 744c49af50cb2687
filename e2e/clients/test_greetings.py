"""The clients of both flavours against python-socketio, whose connect handlers greet too early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers.peer import peer_python
from rig.client import FlavouredClient
from rig.process import Program

import socketio

MakeClient = Callable[..., FlavouredClient]

WAYS: dict[str, dict[str, Any]] = {
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "upgrade": {},
}
GREETING = [
    ("number", 1),
    ("binary", {"deep": [b"\x00\xff"]}, b""),
    ("number", 2),
    ("question", "how?"),
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(WAYS[request.param])


@pytest.fixture(scope="module")
def peer(need: Callable[..., str]) -> Iterator[Program]:
    python = need("python-socketio", peer_python(), "make brokers")
    program = Program([python, str(Path(__file__).with_name("greeting_server.py"))])
    program.start()
    yield program
    program.kill()


@pytest.mark.parametrize("namespace", ["/", "/chat"])
def test_a_greeting(
    peer: Program, make_client: MakeClient, way: dict[str, Any], namespace: str
) -> None:
    client = make_client()
    client.listen("connect", "number", "binary", namespace=namespace)

    def question(text: str) -> Any:
        client.record.add("question", text)
        return text, b"\x01"

    client.client.on("question", question, namespace=namespace)
    answers = len(peer.journal.all(event="answered", namespace=namespace))
    client.connect(peer.url, namespaces=[namespace], auth={}, **way)
    answer = peer.journal.wait(event="answered", namespace=namespace, count=answers + 1)
    assert answer["values"] == ["'how?'", "b'\\x01'"]
    assert client.call("echo", b"\x02", namespace=namespace) == b"\x02"
    assert client.record.entries == [("connect",), *GREETING]


def test_nothing_is_left_of_a_refused_greeting(
    peer: Program, make_client: MakeClient, way: dict[str, Any]
) -> None:
    client = make_client()
    client.listen("connect", "connect_error", "number", "binary", "question")
    with pytest.raises(socketio.exceptions.ConnectionError, match="not welcome"):
        client.connect(peer.url, auth={"refuse": True}, **way)
    assert client.record.entries == [("connect_error", {"message": "not welcome"})]
    client.connect(peer.url, auth={}, **way)
    client.record.wait("question")
    assert client.record.entries[1:] == [("connect",), *GREETING]


def test_a_simple_client(
    peer: Program, flavour: str, loop_thread: Any, way: dict[str, Any]
) -> None:
    client = FlavouredClient(flavour, loop_thread, simple=True)
    client.connect(peer.url, auth={}, **way)
    assert [client.receive(timeout=20) for _ in GREETING] == [list(event) for event in GREETING]
    client.disconnect()
