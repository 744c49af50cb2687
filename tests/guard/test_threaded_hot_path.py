"""The threaded hot path stays what it is: no thread, queue or timer for each message."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import connect
from werkzeug.serving import make_server

import socketio
from socketio.runtimes.threads.lanes import InPlace
from socketio.runtimes.threads.timers import TimerThread
from socketio.runtimes.threads.workers import WorkerPool

MESSAGES = 300
ODD_ONES = MESSAGES // 10
"""How many handlers may be taken for ones that wait, on a machine that stands still at times."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that sends `echo` back, under Werkzeug."""
    sio = socketio.Server()

    @sio.event
    def echo(sid: str, data: Any) -> None:
        sio.emit("echo", data, to=sid)

    server = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"ws://127.0.0.1:{server.server_port}/socket.io/?EIO=4&transport=websocket"
    sio.eio.config.close_timeout = 0.2
    sio.shutdown()
    server.shutdown()
    thread.join(5)
    server.server_close()


def count(monkeypatch: pytest.MonkeyPatch, counts: Counter[str], owner: type, name: str) -> None:
    original = getattr(owner, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        counts[name] += 1
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)


def test_an_echo_costs_no_thread(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether a handler was slow is a matter of time, which is not what is counted here.
    monkeypatch.setattr(InPlace, "lost", lambda self, seconds: None)
    with connect(url, compression=None) as websocket:
        websocket.recv()
        websocket.send("40")
        websocket.recv()
        counts: Counter[str] = Counter()
        count(monkeypatch, counts, WorkerPool, "submit")
        count(monkeypatch, counts, threading.Thread, "start")
        for number in range(MESSAGES):
            websocket.send(f'42["echo",{number}]')
            assert websocket.recv(20) == f'42["echo",{number}]'
        assert counts["submit"] < ODD_ONES
        assert counts["start"] < ODD_ONES


def test_an_echo_costs_no_timer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one that looks at all handlers, however many messages come."""
    delays: list[float] = []
    original = TimerThread.call_later

    def call_later(self: TimerThread, delay: float, *args: Any) -> Any:
        delays.append(delay)
        return original(self, delay, *args)

    with connect(url, compression=None) as websocket:
        websocket.recv()
        websocket.send("40")
        websocket.recv()
        monkeypatch.setattr(TimerThread, "call_later", call_later)
        for number in range(MESSAGES):
            websocket.send(f'42["echo",{number}]')
        for _ in range(MESSAGES):
            websocket.recv(20)
        assert [delay for delay in delays if delay > 0.05] == []
