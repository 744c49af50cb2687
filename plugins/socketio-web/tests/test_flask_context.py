"""The handlers of a server attached to a Flask application, in their application context."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask, current_app, g, has_app_context

import socketio
from socketio.testing import TestClient

DEADLINE = 20.0


class Sessions:
    """What extensions for databases do: one session per application context, closed at its end."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.opened = 0
        self.closed = 0
        self.used_twice = 0
        app.teardown_appcontext(self.close)

    def get(self) -> str:
        assert current_app.name == self.app.name
        if not hasattr(g, "session"):
            g.session = threading.get_ident()
            self.opened += 1
        elif g.session != threading.get_ident():
            self.used_twice += 1
        return "session"

    def close(self, error: BaseException | None) -> None:
        if g.pop("session", None) is not None:
            self.closed += 1


@pytest.fixture
def sio() -> Any:
    server = socketio.Server()
    yield server
    server.shutdown()


def test_every_handler_has_a_context_of_its_own(sio: socketio.Server) -> None:
    app = Flask("the app")
    sessions = Sessions(app)
    names: list[str] = []
    ended = threading.Event()

    class Chat(socketio.Namespace):
        def on_ask(self, sid: str) -> str:
            return sessions.get()

    @sio.event
    def connect(sid: str, environ: Any, auth: Any) -> None:
        names.append(f"connect {sessions.get()}")

    @sio.event
    def ask(sid: str, value: int) -> list[Any]:
        g.value = value
        return [current_app.name, sessions.get(), g.value]

    @sio.event
    def fails(sid: str) -> None:
        sessions.get()
        raise ValueError("on purpose")

    @sio.event
    def question(sid: str) -> None:
        def answered(*values: Any) -> None:
            names.append(f"answered {sessions.get()}")

        sio.emit("what", to=sid, callback=answered)

    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        names.append(f"disconnect {sessions.get()}")
        ended.set()

    sio.register_namespace(Chat("/chat"))
    assert sio.attach(app) is app
    client = TestClient(sio)
    client.on("what", lambda: "that")
    client.connect()
    client.connect("/chat")
    for value in range(5):
        assert client.call("ask", value) == [["the app", "session", value]]
    assert client.call("ask", namespace="/chat") == ["session"]
    client.emit("fails")
    client.emit("question")
    assert sio.runtime.wait_idle(DEADLINE)
    client.leave()
    assert ended.wait(DEADLINE)
    assert sio.runtime.wait_idle(DEADLINE)
    assert names == ["connect session", "answered session", "disconnect session"]
    assert sessions.opened == sessions.closed == 10
    assert sessions.used_twice == 0
    assert not has_app_context()


def test_a_context_that_fails_leaves_the_handler_alone(
    sio: socketio.Server, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Flask):
        def app_context(self) -> Any:
            raise RuntimeError("no database")

    sio.on("echo", lambda sid, data: data)
    sio.attach(Broken("broken"))
    client = TestClient(sio)
    client.connect()
    assert client.call("echo", 1) == [1]
    assert "no database" in caplog.text


def test_a_server_that_is_attached_to_nothing_has_no_context(sio: socketio.Server) -> None:
    sio.on("ask", lambda sid: has_app_context())
    client = TestClient(sio)
    client.connect()
    assert client.call("ask") == [False]


def test_handlers_of_an_event_loop_cannot_run_in_such_a_context() -> None:
    with pytest.raises(TypeError, match="synchronous"):
        socketio.AsyncServer().run_handlers_in(Flask("app").app_context)
