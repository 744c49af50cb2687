"""Clients are told when a WSGI server stops, and the process ends soon after."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from socketio.engine import Engine
from socketio.web.server_stop import ServerStop, find_server
from socketio.web.signals import end_after_clients

PROGRAM = Path(__file__).with_name("wsgi_program.py")
DEADLINE = 10.0
WEBSOCKET_SERVERS = ("werkzeug", "gunicorn")


class Program:
    """A server process and the lines that it has printed."""

    def __init__(self, server: str, port: int) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), server, str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def poll(self, transport: str) -> tuple[int, str]:
        return self.get(f"/engine.io/?EIO=4&transport={transport}")

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            # Or the connection's end would keep the server busy after the answer.
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def stop(self, number: signal.Signals) -> tuple[float, str, str]:
        """Stop the server; return the seconds it took and what it printed."""
        began = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE)
        return time.monotonic() - began, out, err


@pytest.fixture
def start(need: Callable[..., Any], port: int) -> Iterator[Callable[[str], Program]]:
    programs: list[Program] = []

    def start(server: str) -> Program:
        need(server, importlib.util.find_spec(server), f"pip install {server}")
        programs.append(Program(server, port))
        return programs[-1]

    yield start
    for program in programs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.process.pid, signal.SIGKILL)
        program.process.communicate()


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("server", ["werkzeug", "gunicorn", "waitress"])
def test_stopping_a_server(
    start: Callable[[str], Program],
    within: Callable[[float, float], None],
    server: str,
    number: signal.Signals,
) -> None:
    program = start(server)
    sid = json.loads(program.poll("polling")[1][1:])["sid"]
    idle = json.loads(program.poll("polling")[1][1:])["sid"]
    answers: list[tuple[int, str]] = []
    poll = threading.Thread(
        target=lambda: answers.append(program.poll(f"polling&sid={sid}")), daemon=True
    )
    with contextlib.ExitStack() as stack:
        websockets = []
        if server in WEBSOCKET_SERVERS:
            url = f"ws://127.0.0.1:{program.port}/engine.io/?EIO=4&transport=websocket"
            websocket = stack.enter_context(connect(url))
            websockets.append(json.loads(websocket.recv()[1:])["sid"])
        poll.start()
        wait_for_poll(program)
        took, out, err = program.stop(number)
        poll.join(DEADLINE)
        if websockets:
            with pytest.raises(ConnectionClosed) as caught:
                websocket.recv(DEADLINE)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1000
    assert answers == [(200, "1")]
    ended = [line for line in out.splitlines() if line.startswith("disconnect")]
    expected = [f"disconnect {each} server disconnect" for each in (sid, idle, *websockets)]
    assert sorted(ended) == sorted(expected)
    assert "Traceback" not in err
    within(took, 2.5)
    if server != "gunicorn" and number is signal.SIGTERM:
        assert program.process.returncode == -signal.SIGTERM


def wait_for_poll(program: Program) -> None:
    """Wait until the server holds a poll."""
    deadline = time.monotonic() + DEADLINE
    while program.get("/polls") != (200, "1"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.server
def test_a_server_without_clients_stops_at_once(
    start: Callable[[str], Program], within: Callable[[float, float], None]
) -> None:
    program = start("werkzeug")
    assert program.poll("unknown")[0] == 400
    took, out, _ = program.stop(signal.SIGTERM)
    assert program.process.returncode == -signal.SIGTERM
    within(took, 2)
    assert out == ""


class Worker:
    """As gunicorn's, as far as it is looked at."""

    alive = True

    def handle_exit(self, number: int, frame: Any) -> None: ...

    handle_exit.__module__ = "gunicorn.workers.base"


def test_gunicorn_is_found_by_its_handler() -> None:
    assert find_server() is None
    worker = Worker()
    before = signal.signal(signal.SIGTERM, worker.handle_exit)
    try:
        stops = find_server()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stops is not None and not stops()
    worker.alive = False
    assert stops()


class Dispatcher:
    """As waitress's, as far as it is looked at."""

    stop_count = 0


def test_waitress_is_found_in_the_call_stack() -> None:
    dispatcher = Dispatcher()
    # The module of a function is where it was defined, so this one is made there.
    scope: dict[str, Any] = {"__name__": "waitress.task", "find_server": find_server}
    exec("def handler_thread(self):\n    return find_server()", scope)  # a frame of that module
    stops = scope["handler_thread"](dispatcher)
    assert stops is not None and not stops()
    dispatcher.stop_count = 1
    assert stops()


def test_a_handler_of_somebody_else_is_left_alone() -> None:
    def handler(number: int, frame: Any) -> None: ...

    before = signal.signal(signal.SIGTERM, handler)
    try:
        end_after_clients(Engine())
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_no_handler_is_installed_outside_of_the_main_thread() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        thread = threading.Thread(target=end_after_clients, args=(Engine(),))
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_engine_is_stopped_once() -> None:
    engine = Engine()
    stop = ServerStop(engine)
    stop.stop()
    assert engine.stopping
    engine.stopping = False
    stop.stop()
    assert not engine.stopping
    engine.runtime.close()


def test_an_engine_that_is_gone_is_not_stopped() -> None:
    stop = ServerStop(Engine())
    stop.stop()
