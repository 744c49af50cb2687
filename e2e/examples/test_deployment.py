"""The manual's deployment strategies: every web server serves, both transports, and stops."""

from __future__ import annotations

import importlib.util
import signal
import sys
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from rig.example import MANUAL, ExampleServer, RunningClient, python_example, run_client
from rig.kinds import E2E

pytestmark = [pytest.mark.heavy, pytest.mark.server]  # a web server each, a minute and a half

FOLDER = MANUAL / "deployment"

PROGRAMS = {
    "flask": "flask_threads",
    "aiohttp": "aiohttp_app",
    "tornado": "tornado_app",
    "sanic": "sanic_app",
    "eventlet": "eventlet_app",
    "gevent": "gevent_app",
    "geventwebsocket": "gevent_websocket_app",
}
"""Module that must be installed → program that serves by itself."""

GEVENT_WEBSOCKET = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
BIND = ("--bind", "127.0.0.1:{port}")

COMMANDS = {
    "gunicorn": (*BIND, "-w", "1", "--threads", "100", "wsgi:app"),
    "gunicorn-gevent": (*BIND, "-k", "gevent", "-w", "1", "wsgi:app"),
    "gunicorn-geventwebsocket": (*BIND, "-k", GEVENT_WEBSOCKET, "-w", "1", "wsgi:app"),
    "uvicorn": ("--host", "127.0.0.1", "--port", "{port}", "asgi:app"),
    "hypercorn": ("--bind", "127.0.0.1:{port}", "asgi:app"),
    "daphne": ("-b", "127.0.0.1", "-p", "{port}", "asgi:app"),
}
"""Web server → arguments with which it serves a module."""

CALL = """
import json, sys, socketio
url, transport = sys.argv[1:]
with socketio.SimpleClient() as sio:
    sio.connect(url, transports=[transport])
    print(sio.transport, sio.call("hello", "world"))
"""


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"deployed-{name}"))
        for name in (*PROGRAMS, *COMMANDS)
    ],
    scope="module",
)
def deployed(
    request: pytest.FixtureRequest, need: Callable[..., object]
) -> Iterator[ExampleServer]:
    """A server of each kind."""
    name = request.param
    for module in name.split("-"):
        need(module, importlib.util.find_spec(module), f"pip install {module}")
    if name in PROGRAMS:
        server = ExampleServer(*python_example("deployment", PROGRAMS[name]))
    else:
        module = name.partition("-")[0]
        server = ExampleServer(sys.executable, "-m", module, *COMMANDS[name], path=FOLDER)
    server.start()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_serves(deployed: ExampleServer, transport: str) -> None:
    lines = run_client(sys.executable, "-c", CALL, deployed.url, transport)
    assert lines == [f"{transport} hello world"]


@pytest.mark.node
def test_upgrades_the_javascript_client(deployed: ExampleServer, node_path: str) -> None:
    client = RunningClient(
        node_path, str(E2E / "examples" / "upgrade.mjs"), deployed.url, "hello", "world"
    )
    assert client.finish() == ["polling", "websocket", "hello world"]


def test_the_application_beside_it(deployed: ExampleServer) -> None:
    if "wsgi:app" in deployed.command or "event" in deployed.command[1]:
        return  # nothing is beside it
    with urllib.request.urlopen(f"{deployed.url}/", timeout=10) as answer:
        assert answer.read().startswith(b"<h1>")


def test_stops(deployed: ExampleServer, within: Callable[[float, float], None]) -> None:
    """The last test of each server: clients that stay do not hold it up."""
    if not deployed.running:
        deployed.start()  # it was too slow the first time
    waiting = RunningClient(*python_example("basic", "client"), deployed.url)
    assert waiting.first_line() == "connection established"
    try:
        # gunicorn's greenlet workers look once a second whether they shall end.
        limit = 2.5 if "-k" in deployed.command else 1
        took = deployed.stop(signal.SIGTERM)
        assert deployed.crashes() == ""
        within(took, limit)
    finally:
        waiting.stop()
