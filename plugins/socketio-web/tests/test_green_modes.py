"""The modes of greenlets, each under its own server in a thread, with nothing patched."""

from __future__ import annotations

import importlib
import json
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import socketio
from socketio.exceptions import PluginError

DEADLINE = 20.0

websocket = pytest.importorskip("websocket")

# Its import says that it is deprecated, which is for its users to know.
IGNORED = r"\s*Eventlet is deprecated"


class Server:
    """A web server of greenlets in a thread of its own.

    Args:
        build: Returns the application.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.app = build()
        self.stopped: list[bool] = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self.stopped.append(True)
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()


class GeventServer(Server):
    def run(self) -> None:
        import gevent
        from gevent import pywsgi
        from gevent import socket as gevent_socket

        cooperative = gevent_socket.socket(fileno=self.listener.detach())
        server = pywsgi.WSGIServer(cooperative, self.app, log=None)
        server.start()
        while not self.stopped:
            gevent.sleep(0.01)
        server.stop(timeout=2)
        gevent.get_hub().destroy(destroy_loop=True)


class EventletServer(Server):
    def run(self) -> None:
        import eventlet
        import eventlet.wsgi
        from eventlet.green import socket as green_socket

        self.listener.setblocking(False)
        green = green_socket.socket(fileno=self.listener.detach())
        pool = eventlet.GreenPool()
        server = eventlet.spawn(
            eventlet.wsgi.server, green, self.app, log_output=False, custom_pool=pool
        )
        while not self.stopped:
            eventlet.sleep(0.01)
        server.kill()
        pool.waitall()


KINDS = {"gevent": GeventServer, "eventlet": EventletServer}
SLEEPS = {"gevent": ("gevent", "sleep"), "eventlet": ("eventlet", "sleep")}


@pytest.fixture(params=["gevent", "eventlet"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", IGNORED)
        try:
            importlib.import_module(name)
        except ImportError:
            pytest.skip(f"{name} is not installed: pip install socketio-web[{name}]")
    return name


@pytest.fixture
def sio() -> Any:
    return socketio.Server()


@pytest.fixture
def server(kind: str, sio: Any) -> Iterator[Server]:
    running = KINDS[kind](lambda: socketio.WSGIApp(sio))
    yield running
    if not running.stopped:
        running.stop()


class Client:
    """A websocket that has joined the main namespace."""

    def __init__(self, port: int) -> None:
        url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        self.socket = websocket.create_connection(url, timeout=DEADLINE)
        assert self.socket.recv().startswith("0{")
        self.socket.send("40")
        assert self.socket.recv().startswith("40{")

    def emit(self, event: str, *args: Any) -> None:
        self.socket.send("42" + json.dumps([event, *args]))

    def receive(self) -> Any:
        packet = self.socket.recv()
        assert packet[:2] == "42", packet
        return json.loads(packet[2:].lstrip("0123456789"))


Connect = Callable[[], Client]


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    clients: list[Client] = []

    def make() -> Client:
        clients.append(Client(server.port))
        return clients[-1]

    yield make
    for client in clients:
        client.socket.close()


def test_the_mode_follows_from_the_server(
    kind: str, sio: Any, server: Server, connect: Connect
) -> None:
    connect()
    assert sio.async_mode == kind


def test_the_address_is_the_clients(sio: Any, server: Server, connect: Connect) -> None:
    seen = []
    sio.on("connect", lambda sid, environ: seen.append(environ["REMOTE_ADDR"]))
    connect()
    assert seen == ["127.0.0.1"]


def test_a_handler_may_call_its_own_client(sio: Any, server: Server, connect: Connect) -> None:
    @sio.on("ask")
    def ask(sid: str) -> None:
        sio.emit("answered", sio.call("question", to=sid, timeout=DEADLINE), to=sid)

    client = connect()
    client.emit("ask")
    packet = client.socket.recv()
    assert packet.endswith('["question"]')
    client.socket.send(f'43{packet[2:].split("[")[0]}["yes"]')
    assert client.receive() == ["answered", "yes"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_handler_that_waits_holds_up_no_event(
    kind: str, sio: Any, server: Server, connect: Connect, announced: bool
) -> None:
    module, name = SLEEPS[kind]
    sleep = sio.sleep if announced else getattr(importlib.import_module(module), name)
    go: list[bool] = []

    @sio.on("wait")
    def wait(sid: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not go and time.monotonic() < deadline:
            sleep(0.2)
        sio.emit("waited", bool(go), to=sid)

    @sio.on("go")
    def let_go(sid: str) -> None:
        go.append(True)
        sio.emit("gone", to=sid)

    client = connect()
    client.emit("wait")
    client.emit("go")
    assert client.receive() == ["gone"]
    assert client.receive() == ["waited", True]


def test_clients_whose_handlers_have_waited_take_nobodys_place(
    sio: Any, server: Server, connect: Connect
) -> None:
    @sio.on("ask")
    def ask(sid: str) -> None:
        sio.emit("answered", sio.call("question", to=sid, timeout=DEADLINE), to=sid)

    for number in range(70):  # more than handlers run at once
        client = connect()
        client.emit("ask")
        packet = client.socket.recv()
        client.socket.send(f"43{packet[2:].split('[')[0]}[{number}]")
        assert client.receive() == ["answered", number]


def test_more_than_the_socket_takes(sio: Any, server: Server, connect: Connect) -> None:
    @sio.on("many")
    def many(sid: str) -> None:
        for number in range(200):
            sio.emit("number", (number, "x" * 50_000), to=sid)

    client = connect()
    client.emit("many")
    assert [client.receive()[1] for _ in range(200)] == list(range(200))


class Flood:
    """Events of one client that keep the server busy."""

    EVENTS = 200
    SECONDS = 0.006

    def __init__(self, sio: Any) -> None:
        self.handled = 0
        self.begun = threading.Event()
        self.goes_on = threading.Event()
        sio.on("work", self.work)

    def work(self, sid: str) -> None:
        if not self.begun.is_set():
            self.begun.set()
            # All of the server stands still until others have said something too.
            self.goes_on.wait(DEADLINE)
        ends = time.monotonic() + self.SECONDS
        while time.monotonic() < ends:
            pass
        self.handled += 1

    def begin(self, client: Client) -> None:
        for _ in range(self.EVENTS):
            client.emit("work")
        assert self.begun.wait(DEADLINE)


def test_a_busy_client_keeps_no_other_waiting(sio: Any, server: Server, connect: Connect) -> None:
    flood = Flood(sio)
    sio.on("ask", lambda sid: flood.handled)
    other = connect()
    flood.begin(connect())
    other.socket.send('427["ask"]')
    flood.goes_on.set()
    answer = other.socket.recv()
    assert answer.startswith("437[")
    # One at a time, not all of those that the busy client has sent.
    assert int(answer[4:-1]) < 20


def test_a_busy_client_does_not_keep_the_server_from_stopping(
    sio: Any, server: Server, connect: Connect
) -> None:
    flood = Flood(sio)
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    done = threading.Event()

    @sio.on("stop")
    def stop(sid: str) -> None:
        sio.start_background_task(lambda: (sio.eio.stop(1.0), done.set()))

    other = connect()
    flood.begin(connect())
    other.emit("stop")
    flood.goes_on.set()
    assert done.wait(DEADLINE)
    assert reasons == ["server disconnect"] * 2
    assert flood.handled < flood.EVENTS


def test_handlers_run_when_the_server_stops(
    sio: Any, server: Server, connect: Connect, within: Callable[[float, float], None]
) -> None:
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    client = connect()
    done = threading.Event()

    @sio.on("stop")
    def stop(sid: str) -> None:
        def end() -> None:
            sio.eio.stop(1.0)
            done.set()

        sio.start_background_task(end)

    client.emit("stop")
    assert done.wait(DEADLINE)
    assert reasons == ["server disconnect"]
    began = time.monotonic()
    server.stop()
    within(time.monotonic() - began, 2)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("name", ["Timeout", "GreenletExit"])
def test_handlers_that_end_their_greenlet_end_nothing_else(
    kind: str,
    sio: Any,
    server: Server,
    connect: Connect,
    name: str,
    waits: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor do time limits: both are no `Exception`, and come while a handler waits."""
    module = importlib.import_module("greenlet" if name == "GreenletExit" else kind)
    error: type[BaseException] = getattr(module, name)
    sleep: Callable[[float], None] = vars(importlib.import_module(kind))["sleep"]

    @sio.on("connect", namespace="/refused")
    def refuse(sid: str, environ: Any) -> None:
        raise error

    @sio.event
    def fail(sid: str) -> None:
        if waits:
            sleep(0.001)
        raise error

    sio.on("echo", lambda sid, data: sio.emit("echoed", data, to=sid))
    client = connect()
    for number in range(70):  # more than handlers run at once
        client.emit("fail")
        client.emit("echo", number)
        assert client.receive() == ["echoed", number]
    client.socket.send("40/refused,")
    assert client.socket.recv() == '44/refused,{"message":"Internal server error"}'
    other = connect()
    other.emit("echo", "last")
    assert other.receive() == ["echoed", "last"]
    deadline = time.monotonic() + DEADLINE
    while len(failures := [each for each in caplog.records if each.exc_info]) < 71:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert {each.exc_info[0] for each in failures if each.exc_info} == {error}
    assert sio.runtime._handlers.running == 0


def test_uwsgi_is_named_outside_of_it() -> None:
    pytest.importorskip("gevent")
    with pytest.raises(PluginError, match="gevent_uwsgi") as refused:
        socketio.Server(async_mode="gevent_uwsgi")
    assert (
        "only in a process that uWSGI has started" in f"{refused.value} {refused.value.__cause__}"
    )


def test_an_installed_library_alone_chooses_nothing() -> None:
    pytest.importorskip("gevent")
    assert socketio.Server().async_mode == "threading"
