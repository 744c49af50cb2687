"""Flask-SocketIO runs on this library as it is: its server with Werkzeug, and its test client."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.example import CLIENT_DEADLINE, ExampleServer
from rig.kinds import E2E

import socketio

HERE = Path(__file__).parent
PACKAGE = E2E / ".tools" / "flask-socketio"
TRANSPORTS = ["polling", "websocket", "polling,websocket"]


@pytest.fixture(scope="module")
def package(need: Callable[..., Any]) -> Path:
    """Where Flask-SocketIO is, without the library that it is written for."""
    need("flask-socketio", PACKAGE.is_dir(), "make e2e/.tools/flask-socketio")
    return PACKAGE


# -- its server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(package: Path) -> Iterator[ExampleServer]:
    """The chat under its own `run()`."""
    server = ExampleServer(sys.executable, str(HERE / "chat.py"), path=package).start()
    yield server
    server.stop(signal.SIGTERM)
    assert server.crashes() == "", server.errors


@pytest.mark.node
@pytest.mark.parametrize("transports", TRANSPORTS)
def test_the_javascript_client(served: ExampleServer, node_path: str, transports: str) -> None:
    answer = subprocess.run(
        [node_path, str(HERE / "chat.mjs"), served.url, transports],
        capture_output=True,
        text=True,
        timeout=CLIENT_DEADLINE,
    )
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)

    def of(who: str) -> list[list[Any]]:
        return [entry[1:] for entry in seen if entry[0] == who]

    assert of("stranger") == [["refused", "who are you?"]]
    assert of("ann") == [
        ["rooms", 2],
        ["joined", "Bob"],
        ["said", "Ann", "hello", "00ff"],
        ["ack", "delivered"],
        ["ack", "delivered"],
        ["announcement", "news"],
        ["sum", 5],
        ["left", {"name": "Bob", "reason": "server disconnect"}],
        ["transport", transports.split(",")[-1]],
    ]
    assert of("bob") == [
        ["said", "Ann", "hello", "00ff"],
        ["answered", 4, "characters"],
        ["message", "LOUD"],
        ["json", {"you said": {"a": 1}}],
        ["unknown", "nonsense", 2],
        ["failed", "on purpose"],
        ["announcement", "news"],
        ["disconnected", "io server disconnect"],
    ]


# -- its test client --------------------------------------------------------------------------


@pytest.fixture
def chat(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The chat's module, in this process."""
    monkeypatch.syspath_prepend(str(package))
    spec = importlib.util.spec_from_file_location("chat", HERE / "chat.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.socketio.server.shutdown()


def received(client: Any, namespace: str = "/") -> list[list[Any]]:
    """Return what a test client has received since the last call."""
    return [[event["name"], event["args"]] for event in client.get_received(namespace)]


def test_a_conversation_in_one_process(chat: Any) -> None:
    ann = chat.socketio.test_client(chat.app, auth={"name": "Ann"})
    bob = chat.socketio.test_client(chat.app, auth={"name": "Bob"})
    assert ann.emit("join", "tea", callback=True) == 2
    bob.emit("join", "tea")
    assert ann.emit("say", "tea", "hello", b"\x00\xff", callback=True) == ["delivered", 1]
    said = ["said", ["Ann", "hello", b"\x00\xff"]]
    assert received(ann) == [["joined", ["Bob"]], said]
    assert received(bob) == [said]
    bob.send("loud")
    bob.send({"a": 1}, json=True)
    bob.emit("nonsense", 1, 2)
    bob.emit("fail")
    assert received(bob) == [
        ["message", "LOUD"],
        ["json", {"you said": {"a": 1}}],
        ["unknown", ["nonsense", 2]],
        ["failed", ["on purpose"]],
    ]
    assert chat.errors == ["on purpose"]
    assert chat.app.test_client().post("/announce/news").status_code == 200
    assert received(ann) == received(bob) == [["announcement", ["news"]]]


def test_a_refusal_in_one_process(chat: Any) -> None:
    assert not chat.socketio.test_client(chat.app).is_connected()


def test_the_session_of_flask_is_there(chat: Any) -> None:
    http = chat.app.test_client()
    http.get("/login/Cas")
    client = chat.socketio.test_client(chat.app, flask_test_client=http)
    client.emit("join", "tea")
    assert client.emit("say", "tea", "hi", callback=True) == ["delivered", 1]
    assert received(client) == [["said", ["Cas", "hi", None]]]


def test_namespaces_in_one_process(chat: Any) -> None:
    client = chat.socketio.test_client(chat.app, "/calculator")
    assert client.is_connected("/calculator")
    assert received(client, "/calculator") == [["ready", []]]
    assert client.emit("add", 2, 3, namespace="/calculator", callback=True) == 5
    client.connect(auth={"name": "Ann"})
    assert client.is_connected()
    client.disconnect("/calculator")
    assert not client.is_connected("/calculator")
    assert client.emit("join", "tea", callback=True) == 2


def test_the_end_in_one_process(chat: Any) -> None:
    ann = chat.socketio.test_client(chat.app, auth={"name": "Ann"})
    bob = chat.socketio.test_client(chat.app, auth={"name": "Bob"})
    bob.emit("bye")
    assert not bob.is_connected()
    ann.disconnect()
    cas = chat.socketio.test_client(chat.app, auth={"name": "Cas"})
    assert received(cas) == []
    manager: socketio.Manager = chat.socketio.server.manager
    assert len(list(manager.get_participants("/", None))) == 1
