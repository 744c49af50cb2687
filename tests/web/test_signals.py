"""Which signals are handled, from when on and until when; where nobody asked, none."""

from __future__ import annotations

import ast
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import socketio
from socketio.engine import AsyncEngine, Engine
from socketio.web.signals import SignalHandlers, end_after_clients

PACKAGE = Path(socketio.__file__).parent
PLACES = {"web/signals.py", "client/termination.py"}
"""The modules that handle signals: of servers, and of clients in `wait()`."""

SETTERS = {"signal.signal", "add_signal_handler", "sigaction", "set_wakeup_fd"}

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Begin as a process does, and leave no handler behind."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def now() -> list[Any]:
    """Return the handlers of SIGINT and SIGTERM."""
    return [signal.getsignal(number) for number in NUMBERS]


def of_web_server(number: int, frame: Any) -> None:
    """Do nothing, as a web server's handler that only notes the signal."""


def test_signals_are_handled_in_one_place() -> None:
    places = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in SETTERS or called.rpartition(".")[2] in SETTERS:
                    places.add(path.relative_to(PACKAGE).as_posix())
    assert places == PLACES


def test_making_servers_handles_nothing() -> None:
    before = now()
    socketio.Server(async_mode="threading")
    Engine()
    socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    AsyncEngine()
    assert now() == before


def test_an_application_of_wsgi_handles_sigterm() -> None:
    interrupt, terminate = now()
    socketio.WSGIApp(socketio.Server(async_mode="threading"))
    after = now()
    assert after[0] is interrupt
    assert after[1] is not terminate
    socketio.WSGIApp(socketio.Server(async_mode="threading"))
    assert now() == after


def test_an_application_of_wsgi_leaves_a_handler_alone() -> None:
    signal.signal(signal.SIGTERM, of_web_server)
    socketio.WSGIApp(socketio.Server(async_mode="threading"))
    assert now()[1] is of_web_server


def test_nothing_is_handled_outside_of_the_main_thread() -> None:
    before = now()

    def elsewhere() -> None:
        end_after_clients(Engine())
        SignalHandlers(lambda number: None).replace(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert now() == before


async def request(app: socketio.ASGIApp) -> None:
    """Send a request that is refused."""
    scope = {"type": "http", "method": "GET", "path": "/socket.io/", "query_string": b"EIO=3"}
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(event: Any) -> None:
        answers.append(event)

    await app({**scope, "headers": []}, receive, send)
    assert answers[0]["status"] == 400


async def end(app: socketio.ASGIApp) -> None:
    """Tell an application that its web server stops."""
    events = [{"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return events.pop()

    async def send(event: Any) -> None:
        assert event == {"type": "lifespan.shutdown.complete"}

    await app({"type": "lifespan"}, receive, send)


async def test_an_application_of_asgi_handles_what_the_web_server_handles() -> None:
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    signal.signal(signal.SIGTERM, of_web_server)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio's own is a handler as well
    before = now()
    await request(app)
    interrupt, terminate = now()
    assert interrupt is before[0]  # nobody has, so Python's answer is the right one
    assert terminate is not of_web_server
    await request(app)
    assert now() == [interrupt, terminate]
    await end(app)
    assert now() == before


async def test_a_handler_that_is_set_after_ours_stays() -> None:
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    signal.signal(signal.SIGTERM, of_web_server)
    await request(app)

    def later(number: int, frame: Any) -> None: ...

    signal.signal(signal.SIGTERM, later)
    await end(app)
    assert now()[1] is later


def test_the_first_signal_is_told_and_passed_on() -> None:
    told: list[int] = []
    passed: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: passed.append(number))
    before = now()
    watched = SignalHandlers(told.append)
    watched.replace(False)
    signal.raise_signal(signal.SIGTERM)
    assert (told, passed, now()) == ([signal.SIGTERM], [], before)
    watched.pass_on(signal.SIGTERM)
    assert passed == [signal.SIGTERM]


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    SignalHandlers(lambda number: None).replace(True)
    end_after_clients(Engine())
    assert now()[1] is signal.SIG_IGN
