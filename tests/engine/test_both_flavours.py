"""The engine of each flavour does the same: over real servers, and where that is not exact enough
over a websocket that takes as much as the test lets it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from werkzeug.serving import make_server

import socketio
import socketio._async.polling
import socketio._async.websocket
import socketio._sync.polling
import socketio._sync.websocket
from socketio.engine import AsyncEngine, Engine
from socketio.engine.session import Reason, Session
from socketio.protocol.engine import MESSAGE, EnginePacket
from socketio.testing.memory import AsyncTestClient, TestClient

DEADLINE = 10.0
PATH = "/engine.io/?EIO=4&transport=polling"


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Served:
    """An engine under a web server of its flavour, with what its handlers were told."""

    def __init__(self, flavour: str, **options: Any) -> None:
        self.flavour = flavour
        self.engine: Any = (AsyncEngine if flavour == "async" else Engine)(**options)
        self.log: list[Any] = []
        self.engine.on("disconnect", lambda sid, reason: self.log.append(reason))
        self.port = 0

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        with self._run_async() if self.flavour == "async" else self._run_sync():
            yield

    @contextlib.contextmanager
    def _run_sync(self) -> Iterator[None]:
        app = socketio.WSGIApp(self.engine, socketio_path="engine.io")
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.port = server.server_port
        try:
            yield
        finally:
            self.engine.config.close_timeout = 0.2
            self.engine.shutdown()
            self.engine.runtime.abort_sockets()
            server.shutdown()
            thread.join(DEADLINE)
            server.server_close()

    @contextlib.contextmanager
    def _run_async(self) -> Iterator[None]:
        uvicorn = pytest.importorskip("uvicorn", reason="pip install uvicorn")
        app = socketio.ASGIApp(self.engine, socketio_path="engine.io")
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_config=None, log_level="critical", loop="asyncio"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server._serve()))
        thread.start()
        until(lambda: server.started)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self.engine.config.close_timeout = 0.2
            server.should_exit = True
            thread.join(DEADLINE)

    def do(self, function: Callable[..., Any], *args: Any) -> None:
        """Call something of the engine where the flavour wants it called."""
        if self.flavour == "sync":
            function(*args)
            return
        done = threading.Event()

        def run() -> None:
            function(*args)
            done.set()

        self.engine.loop.call_soon_threadsafe(run)
        assert done.wait(DEADLINE)

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def handshake(self) -> tuple[str, list[str]]:
        """Open a session on long-polling; return its path and what came with the handshake."""
        status, text = self.request("GET", PATH)
        assert status == 200
        packets = text.split("\x1e")
        return f"{PATH}&sid={json.loads(packets[0][1:])['sid']}", packets[1:]

    def websocket(self, path: str = PATH) -> Any:
        url = f"ws://127.0.0.1:{self.port}{path}".replace("=polling", "=websocket")
        return connect(url, compression=None, close_timeout=1)

    def beside(self, path: str) -> Callable[[], tuple[int, str]]:
        """Begin a GET in another thread; return what waits for its answer."""
        answers: list[tuple[int, str]] = []
        thread = threading.Thread(target=lambda: answers.append(self.request("GET", path)))
        thread.start()

        def answer() -> tuple[int, str]:
            thread.join(DEADLINE)
            return answers[0]

        return answer

    def session(self, path: str) -> Session:
        session: Session = self.engine.session_of(path.rpartition("sid=")[2])
        return session

    def wait_for_poll(self, session: Session) -> None:
        transport: Any = session.transport
        until(lambda: transport._poll is not None)


@pytest.fixture(params=["async", "sync"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(flavour: str) -> Iterator[Callable[..., Served]]:
    with contextlib.ExitStack() as stack:

        def serve(**options: Any) -> Served:
            served = Served(flavour, **options)
            stack.enter_context(served.run())
            return served

        yield serve


Serve = Callable[..., Served]


# -- opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_session_that_its_connect_handler_ends_has_been_opened(
    serve: Serve, transport: str
) -> None:
    served = serve()
    engine = served.engine

    def connected(sid: str, environ: Any) -> None:
        session = engine.session_of(sid)
        session.send(EnginePacket(MESSAGE, "last words"))
        session.end(Reason.SERVER_DISCONNECT)
        served.log.append("connected")

    engine.on("connect", connected)
    if transport == "polling":
        path, packets = served.handshake()
        assert packets == ["4last words", "1"]
        assert served.request("GET", path)[0] == 400
    else:
        with served.websocket() as websocket:
            handshake, *packets = websocket
        assert (handshake[0], packets) == ("0", ["4last words"])
    until(lambda: len(served.log) == 2)
    assert served.log == ["connected", "server disconnect"]
    assert engine.sockets == {}
    assert len(engine.heartbeats) == 0


def test_a_refused_client_is_never_disconnected(serve: Serve) -> None:
    served = serve()

    def connected(sid: str, environ: Any) -> bool:
        served.engine.session_of(sid).end(Reason.SERVER_DISCONNECT)
        return False

    served.engine.on("connect", connected)
    assert served.request("GET", PATH)[0] == 401
    assert served.engine.sockets == {}
    assert served.log == []


def test_a_connect_handler_that_runs_while_the_engine_stops(serve: Serve) -> None:
    """What is being opened ends too, and its handlers run in order, once."""
    served = serve()
    engine = served.engine
    began, gate = threading.Event(), threading.Event()

    async def connected_later(sid: str, environ: Any) -> None:
        began.set()
        await asyncio.to_thread(gate.wait, DEADLINE)
        served.log.append("connected")

    def connected(sid: str, environ: Any) -> None:
        began.set()
        gate.wait(DEADLINE)
        served.log.append("connected")

    engine.on("connect", connected_later if served.flavour == "async" else connected)
    answer = served.beside(PATH)
    assert began.wait(DEADLINE)
    served.do(engine.begin_shutdown)
    gate.set()
    assert answer()[1].endswith("\x1e1")
    until(lambda: len(served.log) == 2)
    assert served.log == ["connected", "server disconnect"]
    assert engine.sockets == {}


# -- polling ----------------------------------------------------------------------------------


def test_a_poll_ends_when_nobody_pings(serve: Serve) -> None:
    served = serve(monitor_clients=False, ping_interval=0.05, ping_timeout=0.05)
    path, _ = served.handshake()
    assert served.request("GET", path) == (200, "6")
    assert served.request("GET", path) == (200, "6")
    assert not served.session(path).closed


def test_a_poll_that_comes_beside_the_close_packet_is_answered(serve: Serve) -> None:
    served = serve()
    path, _ = served.handshake()
    assert served.request("POST", path, "1") == (200, "ok")
    assert served.request("GET", path) == (200, "6")
    assert served.request("GET", path)[0] == 400
    until(lambda: served.log == ["client disconnect"])


# -- heartbeats -------------------------------------------------------------------------------


def test_a_client_without_an_answer_is_gone_in_time(serve: Serve) -> None:
    served = serve(ping_interval=0.3, ping_timeout=0.2)
    path, _ = served.handshake()
    end = time.monotonic() + 0.5
    assert served.request("GET", path) == (200, "2")
    time.sleep(
        max(end - time.monotonic(), 0)
    )  # not a wait for anything: it is the time that counts
    assert served.request("GET", path)[0] == 400
    until(lambda: served.log == ["ping timeout"])


# -- upgrade ----------------------------------------------------------------------------------


def test_a_second_websocket_is_accepted_and_closed(serve: Serve) -> None:
    served = serve()
    served.engine.on(
        "message", lambda sid, data: served.engine.session_of(sid).send(EnginePacket(MESSAGE, data))
    )
    path, _ = served.handshake()
    with served.websocket(path) as websocket:
        with served.websocket(path) as late:
            assert [*late] == []
        websocket.send("2probe")
        assert websocket.recv(DEADLINE) == "3probe"
        websocket.send("5")
        websocket.send("4hello")
        assert websocket.recv(DEADLINE) == "4hello"
        with served.websocket(path) as late:
            with contextlib.suppress(ConnectionClosed):
                late.send("4this is nobody's")
            assert [*late] == []
        websocket.send("4again")
        assert websocket.recv(DEADLINE) == "4again"


def test_a_poll_that_comes_with_the_upgrade_packet_is_refused(serve: Serve) -> None:
    served = serve()
    path, _ = served.handshake()
    session = served.session(path)
    with served.websocket(path) as websocket:
        websocket.send("2probe")
        assert websocket.recv(DEADLINE) == "3probe"
        answer = served.beside(path)
        served.wait_for_poll(session)
        websocket.send("5")
        assert answer()[0] == 400
        until(lambda: session.transport_name == "websocket")
    until(lambda: served.log == ["transport close"])


def test_a_poll_during_an_upgrade_is_answered_soon(serve: Serve) -> None:
    served = serve()
    path, _ = served.handshake()
    session = served.session(path)
    with served.websocket(path) as websocket:
        websocket.send("2probe")
        assert websocket.recv(DEADLINE) == "3probe"
        assert served.request("GET", path) == (200, "6")
        served.do(session.send, EnginePacket(MESSAGE, "news"))
        assert served.request("GET", path) == (200, "4news")
        websocket.send("5")
        until(lambda: session.transport_name == "websocket")


# -- over a websocket that takes what it is let --------------------------------------------------


class Written:
    """What a websocket returns for a message that it has not written yet."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Any], Any]] = []

    def cancelled(self) -> bool:
        return False

    def exception(self) -> None:
        return None

    def add_done_callback(self, function: Callable[[Any], Any]) -> None:
        self.callbacks.append(function)

    def done(self) -> None:
        for function in self.callbacks:
            function(self)


class Narrow:
    """A websocket that is full after each of its first messages."""

    def __init__(self, full_after: int) -> None:
        self.sent: list[Any] = []
        self.waiting: list[Written] = []
        self.closed: list[int] = []
        self._full_after = full_after

    def write(self, packet: EnginePacket) -> Written | None:
        self.sent.append(packet.websocket)
        if len(self.sent) < self._full_after:
            return None
        self.waiting.append(Written())
        return self.waiting[-1]

    def close(self, code: int = 1000, reason: str = "") -> Any:
        self.closed.append(code)
        return _nothing()


async def _nothing() -> None:
    """Be what `close` returns in an event loop."""


class Upgrade:
    """A session on polling, and a websocket that means to take it over."""

    def __init__(self, flavour: str, full_after: int = 100) -> None:
        self.flavour = flavour
        self.websocket = Narrow(full_after)
        self.polling: Any
        self.transport: Any

    async def begin(self) -> Upgrade:
        narrow: Any = self.websocket
        if self.flavour == "async":
            self.engine: Any = AsyncEngine()
            modules: Any = (socketio._async.polling, socketio._async.websocket)
        else:
            self.engine = Engine()
            modules = (socketio._sync.polling, socketio._sync.websocket)
            narrow.close = lambda code=1000, reason="": narrow.closed.append(code)
        self.session = self.engine.create_session("polling", {})
        self.polling = self.session.transport = modules[0].PollingTransport(self.session)
        opening = self.engine.open(self.session)
        if opening is not None:
            await opening
        self.transport = modules[1].WebSocketTransport(self.session, narrow)
        self.transport._begin_upgrade(self.engine)
        self.transport._accepted(None)
        return self

    async def end(self) -> None:
        self.engine.config.close_timeout = 0
        shutdown = self.engine.shutdown()
        if shutdown is not None:
            await shutdown

    def send(self, *messages: str) -> None:
        for message in messages:
            self.session.send(EnginePacket(MESSAGE, message))


@pytest.fixture
async def upgrades(flavour: str) -> Any:
    begun: list[Upgrade] = []

    async def begin(full_after: int = 100) -> Upgrade:
        begun.append(await Upgrade(flavour, full_after).begin())
        return begun[-1]

    yield begin
    for upgrade in begun:
        await upgrade.end()


async def test_what_waits_for_polling_is_not_written_before_the_upgrade(upgrades: Any) -> None:
    upgrade = await upgrades(full_after=1)
    upgrade.transport.receive("2probe")
    upgrade.send("a", "b")
    upgrade.websocket.waiting.pop().done()  # the probe's answer has left
    assert upgrade.websocket.sent == ["3probe"]
    assert [packet.data for packet in upgrade.polling._take()] == ["a", "b"]


async def test_what_a_full_websocket_has_not_taken_is_not_answered_to_a_poll(
    upgrades: Any,
) -> None:
    upgrade = await upgrades(full_after=2)
    upgrade.transport.receive("2probe")
    upgrade.send("a", "b")
    upgrade.transport.receive("5")
    upgrade.send("c")
    assert upgrade.polling._take() == []
    assert upgrade.websocket.sent == ["3probe", "4a"]
    while upgrade.websocket.waiting:
        upgrade.websocket.waiting.pop().done()
    assert upgrade.websocket.sent == ["3probe", "4a", "4b", "4c"]


async def test_an_upgrade_waits_for_a_websocket_that_is_full(upgrades: Any) -> None:
    upgrade = await upgrades(full_after=1)
    upgrade.transport.receive("2probe")
    upgrade.send("a")
    upgrade.transport.receive("5")
    assert upgrade.websocket.sent == ["3probe"]
    upgrade.websocket.waiting.pop().done()
    assert upgrade.websocket.sent == ["3probe", "4a"]


async def test_what_is_handed_to_polling_after_the_upgrade_goes_on(upgrades: Any) -> None:
    upgrade = await upgrades()
    upgrade.transport.receive("2probe")
    upgrade.transport.receive("5")
    upgrade.polling.send(EnginePacket(MESSAGE, "late"))  # as a thread does that looked before it
    assert upgrade.websocket.sent == ["3probe", "4late"]


async def test_a_poll_that_breaks_off_after_the_upgrade_ends_nothing(upgrades: Any) -> None:
    upgrade = await upgrades()
    upgrade.transport.receive("2probe")
    upgrade.polling._poll = upgrade.engine.runtime.create_waiter()
    upgrade.transport.receive("5")
    upgrade.polling._client_gone()
    assert not upgrade.session.closed


async def test_an_upgrade_whose_session_ends_is_closed_at_once(upgrades: Any) -> None:
    upgrade = await upgrades()
    upgrade.session.end(Reason.SERVER_DISCONNECT)
    assert upgrade.websocket.closed == [1000]
    assert upgrade.websocket.sent == []


# -- strangers and broken layers -----------------------------------------------------------------


def test_the_transport_of_tests_is_not_served(serve: Serve) -> None:
    served = serve()
    for name in ("memory", "direct", "carrier-pigeon"):
        status, body = served.request("GET", f"/engine.io/?EIO=4&transport={name}")
        assert (status, json.loads(body)["code"]) == (400, 0)
    assert not served.engine._transports.keys() - {"polling", "websocket"}


class Panic(BaseException):
    """What a Rust extension raises."""


class BrokenPacket(socketio.packet.Packet):
    """A packet class with a bug that one event finds."""

    error: type[BaseException] = LookupError

    @classmethod
    def decode_event(cls, *args: Any) -> Any:
        return None

    def decode(self, encoded_packet: str) -> int:
        if "boom" in encoded_packet:
            raise self.error("a bug")
        return int(super().decode(encoded_packet) or 0)


@pytest.mark.parametrize("error", [LookupError, Panic, asyncio.CancelledError])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_packet_class_that_breaks_ends_the_session(
    flavour: str, transport: str, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    packet_class = type("Broken", (BrokenPacket,), {"error": error})
    sio: Any = (socketio.AsyncServer if flavour == "async" else socketio.Server)(
        serializer=packet_class
    )
    served = Served(flavour)
    served.engine = sio.eio
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    with served.run():
        if transport == "polling":
            path, _ = served.handshake()
            assert served.request("POST", path, "40") == (200, "ok")
            assert served.request("GET", path)[1].startswith('40{"sid"')
            assert served.request("POST", path, '421["boom"]')[0] == 400
            assert served.request("POST", path, "42")[0] == 400
        else:
            with served.websocket() as websocket:
                websocket.recv(DEADLINE)
                websocket.send("40")
                websocket.recv(DEADLINE)
                websocket.send('421["boom"]')
                assert [*websocket] == []
        until(lambda: reasons == ["transport error"])
        assert sio.eio.sockets == {}
    broken = [record for record in caplog.records if record.exc_info]
    assert [record.exc_info[0] for record in broken if record.exc_info] == [error]


# -- memory ---------------------------------------------------------------------------------------


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("end", ["client", "server", "timeout", "error"])
def test_a_polling_session_is_freed_without_a_collection(serve: Serve, end: str) -> None:
    served = serve(**({"ping_interval": 0.1, "ping_timeout": 0.1} if end == "timeout" else {}))
    path, _ = served.handshake()
    session = weakref.ref(served.session(path))
    if end == "client":
        served.request("POST", path, "1")
        served.request("GET", path)
    elif end == "server":
        served.do(served.session(path).end, Reason.SERVER_DISCONNECT)
        assert served.request("GET", path) == (200, "1")
    elif end == "error":
        served.request("POST", path, "nonsense")
    until(lambda: session() is None)
    assert len(served.log) == 1


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("end", ["client", "server", "error"])
@pytest.mark.parametrize("upgraded", [False, True])
def test_a_websocket_session_is_freed_without_a_collection(
    serve: Serve, end: str, upgraded: bool
) -> None:
    served = serve()
    path = served.handshake()[0] if upgraded else PATH
    with served.websocket(path) as websocket:
        if upgraded:
            websocket.send("2probe")
            assert websocket.recv(DEADLINE) == "3probe"
            websocket.send("5")
        else:
            path += f"&sid={json.loads(websocket.recv(DEADLINE)[1:])['sid']}"
        session = weakref.ref(served.session(path))
        until(lambda: served.session(path).transport_name == "websocket")
        if end == "server":
            served.do(served.session(path).end, Reason.SERVER_DISCONNECT)
        elif end == "error":
            websocket.send("nonsense")
    until(lambda: session() is None)
    assert len(served.log) == 1


@pytest.mark.usefixtures("no_collection")
def test_a_refused_session_is_freed_without_a_collection(serve: Serve) -> None:
    served = serve()
    sessions: list[Any] = []

    def connected(sid: str, environ: Any) -> bool:
        sessions.append(weakref.ref(served.engine.session_of(sid)))
        return False

    served.engine.on("connect", connected)
    assert served.request("GET", PATH)[0] == 401
    until(lambda: sessions[0]() is None)


@pytest.mark.usefixtures("no_collection")
async def test_a_client_in_memory_is_freed_without_a_collection(flavour: str) -> None:
    """With what the layer above keeps of it."""
    if flavour == "async":
        sio: Any = socketio.AsyncServer()
        client: Any = AsyncTestClient(sio)
        await client.connect()
    else:
        sio = socketio.Server()
        client = TestClient(sio)
        client.connect()
    gone: list[Any] = []
    sio.on("disconnect", lambda sid, reason: gone.append(reason))
    session = weakref.ref(client.session)
    client.drop()
    client.session = None
    async with asyncio.timeout(DEADLINE):
        while session() is not None:
            await asyncio.sleep(0.005)
    assert gone == ["transport close"]
    shutdown = sio.shutdown()
    if shutdown is not None:
        await shutdown
