"""Tests of the clients against a server that misbehaves, in both flavours."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
import requests
import trustme
from aiohttp import web

import socketio
from socketio.exceptions import ConnectionError, DisconnectedError, TimeoutError

from .conftest import DEADLINE, EngineServer, LoopThread


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition that another thread brings about holds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Blocking:
    """A client whose methods block, whatever its flavour."""

    def __init__(self, flavour: str, loop: LoopThread, **kwargs: Any) -> None:
        self.flavour = flavour
        self._loop = loop
        self.client: Any = (
            socketio.AsyncClient(**kwargs) if flavour == "async" else socketio.Client(**kwargs)
        )
        self.events: list[tuple[Any, ...]] = []
        for event in ("connect", "disconnect", "connect_error", "__disconnect_final"):
            self.client.on(event, self._noting(event))
        self.client.on("*", lambda event, *args: self.events.append((event, *args)))

    def _noting(self, event: str) -> Callable[..., None]:
        if event in ("connect", "__disconnect_final"):
            return lambda: self.events.append((event,))
        return lambda data: self.events.append((event, data))

    def do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method."""
        method = getattr(self.client, name)
        if self.flavour == "sync":
            return method(*args, **kwargs)

        async def call() -> Any:
            return await method(*args, **kwargs)

        return self._loop.run(call())

    def do_engine_wait(self) -> None:
        """Wait until what the last connection had open is closed."""
        if self.flavour == "sync":
            self.client.eio.wait()
        else:
            self._loop.run(self.client.eio.wait())

    def connect(self, server: EngineServer, **kwargs: Any) -> None:
        self.do(
            "connect", server.url, **{"transports": ["polling"], "wait_timeout": DEADLINE, **kwargs}
        )

    def wait_for(self, *event: Any) -> None:
        """Wait until an event with these arguments has been handled."""
        wait_until(lambda: event in self.events)

    def count(self, name: str) -> int:
        """Return how many events of a name have been handled."""
        return sum(event[0] == name for event in self.events)


def on_connect(
    client: Blocking,
) -> Callable[[Callable[[], Iterator[Callable[[], bool]]]], None]:
    """Register a connect handler that yields the conditions which it waits for."""

    def register(steps: Callable[[], Iterator[Callable[[], bool]]]) -> None:
        def connect() -> None:
            for condition in steps():
                wait_until(condition)

        async def connect_async() -> None:
            for condition in steps():
                await asyncio.to_thread(wait_until, condition)

        client.client.on("connect", connect_async if client.flavour == "async" else connect)

    return register


Make = Callable[..., Blocking]


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def made_clients(flavour: str, loop_thread: LoopThread) -> Iterator[Callable[..., Blocking]]:
    """Give a function that makes clients which do not reconnect; all are closed at the end."""
    clients: list[Blocking] = []

    def factory(**kwargs: Any) -> Blocking:
        clients.append(Blocking(flavour, loop_thread, reconnection=False, **kwargs))
        return clients[-1]

    yield factory
    for client in clients:
        client.do("disconnect")
        client.do_engine_wait()


@pytest.fixture
def make(flavour: str, loop_thread: LoopThread, engine_server: EngineServer) -> Iterator[Make]:
    clients: list[Blocking] = []

    def factory(**kwargs: Any) -> Blocking:
        kwargs.setdefault("reconnection", False)
        clients.append(Blocking(flavour, loop_thread, **kwargs))
        return clients[-1]

    yield factory
    for client in clients:
        client.do("disconnect")
        if flavour == "sync":
            engine_server.send("6")  # answers a poll that its client has left
            client.client.eio.wait()


# -- failing to connect -----------------------------------------------------------------------


@pytest.mark.parametrize("transports", [["websocket"], ["websocket", "polling"]])
def test_a_websocket_that_cannot_be_opened(make: Make, transports: list[str]) -> None:
    # Programs compare what the handler gets with exactly this text; the exception says why.
    client = make()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=r"^Connection error: .*127\.0\.0\.1") as caught:
        client.do("connect", url, transports=transports)
    assert client.events == [("connect_error", "Connection error")]
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("response", "message", "data"),
    [
        ({"status": 502, "text": "<h1>Bad Gateway</h1>"}, "502.*<h1>Bad Gateway", None),
        (
            {"status": 400, "text": '{"code":0,"message":"Transport unknown"}'},
            "400.*Transport unknown",
            {"code": 0, "message": "Transport unknown"},
        ),
        ({"text": "<!DOCTYPE html><title>Welcome"}, "<!DOCTYPE html>", None),
        ({"body": b""}, "no Engine.IO handshake", None),
        ({"body": b"\xff\xfe"}, "no Engine.IO handshake", None),
        ({"text": '0{"sid":"x"}'}, "pingInterval", None),
        ({"text": '97:0{"sid":"x"}2:40'}, r"2\.x generation", None),
    ],
)
def test_an_answer_that_is_no_handshake(
    engine_server: EngineServer, make: Make, response: dict[str, Any], message: str, data: Any
) -> None:
    engine_server.answer_open = lambda request: web.Response(**response)
    client = make()
    with pytest.raises(ConnectionError, match=f"(?s){message}") as caught:
        client.connect(engine_server)
    assert client.events == [("connect_error", data or str(caught.value))]
    assert caught.value.__cause__ is not None
    engine_server.answer_open = None
    client.connect(engine_server)
    assert client.client.connected


def test_a_websocket_handshake_that_is_refused(engine_server: EngineServer, make: Make) -> None:
    engine_server.accept_websockets = False
    client = make()
    with pytest.raises(ConnectionError, match="400"):
        client.connect(engine_server, transports=["websocket"])
    assert not client.client.connected


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://localhost"])
def test_a_malformed_url(make: Make, url: str) -> None:
    with pytest.raises(ValueError, match="such as 'http://localhost:5000'"):
        make().do("connect", url)


def test_no_namespace_and_no_transport(engine_server: EngineServer, make: Make) -> None:
    with pytest.raises(ValueError, match="namespaces="):
        make().connect(engine_server, namespaces=[])
    with pytest.raises(ValueError, match="No valid transports"):
        make().connect(engine_server, transports=[])


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_base64_may_be_broken_into_lines(
    engine_server: EngineServer, make: Make, line_end: str
) -> None:
    client = make()
    client.connect(engine_server)
    blob = bytes(range(200))
    text = b64encode(blob).decode()
    lines = [text[start : start + 76] + line_end for start in range(0, len(text), 76)]
    engine_server.send('451-["blob",{"_placeholder":true,"num":0}]', "b" + "".join(lines))
    client.wait_for("blob", blob)


def test_a_namespace_that_utf8_cannot_carry(engine_server: EngineServer, make: Make) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        make().connect(engine_server, namespaces=["/half\ud83d"])


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_connect_packet_without_a_sid_names_the_old_generation(
    engine_server: EngineServer, make: Make, transport: str
) -> None:
    engine_server.accept_namespaces = False
    engine_server.send("40")
    with pytest.raises(ConnectionError, match=r"2\.x generation"):
        make().connect(engine_server, transports=[transport])


def test_the_connection_is_lost_before_the_answer(engine_server: EngineServer, make: Make) -> None:
    engine_server.accept_namespaces = False
    engine_server.send(None)
    client = make()
    with pytest.raises(ConnectionError, match="ended before the server had answered"):
        client.connect(engine_server, transports=["websocket"])
    assert client.events == []


# -- the upgrade ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["refused", "wrong answer", "no answer"])
def test_a_failed_upgrade_leaves_polling(
    engine_server: EngineServer, make: Make, fault: str
) -> None:
    engine_server.handshake["upgrades"] = ["websocket"]
    engine_server.accept_websockets = fault != "refused"
    engine_server.answer_probe = {"wrong answer": "3nonsense", "no answer": None}.get(fault)
    # The other requests have to be answered in that time as well.
    client = make(request_timeout=1.5 if fault == "no answer" else DEADLINE)
    client.connect(engine_server, transports=None)
    assert client.client.transport() == "polling"
    client.do("emit", "still", "works")
    engine_server.wait_for('42["still","works"]')


def test_an_upgrade(engine_server: EngineServer, make: Make) -> None:
    engine_server.handshake["upgrades"] = ["websocket"]
    client = make()
    client.connect(engine_server, transports=None)
    assert client.client.transport() == "websocket"
    engine_server.wait_for("5", "40")
    client.do("emit", "over", ("the", b"websocket"))
    engine_server.wait_for('451-["over","the",{"_placeholder":true,"num":0}]', b"websocket")


# -- losing a connection ----------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    "packet",
    ["4", "49", "42{}", "42[]", '42["disconnect"]', "43[]", "44", "8", "", "2\x00", "45"],
)
def test_a_malformed_packet_ends_the_connection_at_once(
    engine_server: EngineServer, make: Make, transport: str, packet: str
) -> None:
    client = make()
    client.connect(engine_server, transports=[transport])
    engine_server.send(packet, '42["after"]')
    if packet == "2\x00":  # a ping with odd data is answered with the same
        client.wait_for("after")
        engine_server.wait_for("3\x00")
        return
    client.wait_for("disconnect", "transport error")
    assert ("after",) not in client.events


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_silent_server_is_noticed(
    engine_server: EngineServer, make: Make, within: Callable[[float, float], None], transport: str
) -> None:
    engine_server.handshake |= {"pingInterval": 400, "pingTimeout": 400}
    client = make()
    client.connect(engine_server, transports=[transport])
    began = time.monotonic()
    client.wait_for("disconnect", "transport error")
    within(time.monotonic() - began, 2)


def test_a_ping_is_answered(engine_server: EngineServer, make: Make) -> None:
    client = make()
    client.connect(engine_server)
    engine_server.send("2")
    engine_server.wait_for("3")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_engine_close_is_a_disconnect_of_the_server(
    engine_server: EngineServer, make: Make, transport: str
) -> None:
    client = make()
    client.connect(engine_server, transports=[transport])
    engine_server.send("1")
    client.wait_for("disconnect", "server disconnect")
    client.do("wait")


def test_a_poll_that_fails_ends_the_connection(engine_server: EngineServer, make: Make) -> None:
    client = make()
    client.connect(engine_server)
    engine_server.answer_poll = lambda: web.Response(status=400, text='{"code":1}')
    engine_server.send("6")
    client.wait_for("disconnect", "transport error")


def test_a_post_that_fails_ends_the_connection(engine_server: EngineServer, make: Make) -> None:
    client = make()
    client.connect(engine_server)
    engine_server.answer_post = lambda: web.Response(status=413)
    client.do("emit", "too large")
    client.wait_for("disconnect", "transport error")


def test_a_payload_of_a_thousand_packets(engine_server: EngineServer, make: Make) -> None:
    """Trap 38."""
    client = make()
    client.connect(engine_server)
    packets = "\x1e".join(f'42["number",{number}]' for number in range(1000))
    engine_server.send(packets)
    client.wait_for("number", 999)
    numbers = [event[1] for event in client.events if event[0] == "number"]
    assert numbers == list(range(1000))


@pytest.mark.parametrize(
    ("transport", "end", "reason"),
    [
        ("polling", "1", "server disconnect"),
        ("websocket", "1", "server disconnect"),
        ("websocket", None, "transport error"),
    ],
)
def test_a_reconnection_that_is_lost_at_once_goes_on(
    engine_server: EngineServer, make: Make, transport: str, end: str | None, reason: str
) -> None:
    """Trap 36: lost while the connect handler of a reconnection runs, which is not its end."""
    client = make(reconnection=True, reconnection_delay=0.01)

    @on_connect(client)
    def connect() -> Iterator[Callable[[], bool]]:
        client.events.append(("connect",))
        if client.count("connect") == 2:
            engine_server.send(end)
            yield lambda: client.count("disconnect") == 2

    client.connect(engine_server, transports=[transport])
    engine_server.send(end)
    wait_until(lambda: client.count("connect") == 3)
    engine_server.send('42["still"]')
    client.wait_for("still")
    lost = ("disconnect", reason)
    assert client.events == [("connect",), lost, ("connect",), lost, ("connect",), ("still",)]


def test_every_disconnect_is_told_once(engine_server: EngineServer, make: Make) -> None:
    """Trap 28: on the client."""
    client = make()
    client.connect(engine_server, transports=["websocket"], namespaces=["/", "/a"])
    engine_server.send("41", "1", None)
    client.do("wait")
    assert [event for event in client.events if event[0] != "connect"] == [
        ("disconnect", "server disconnect"),
        ("__disconnect_final",),
    ]


def test_pending_calls_end_with_the_connection(engine_server: EngineServer, make: Make) -> None:
    """Trap 39."""
    client = make()
    client.connect(engine_server)

    def end_when_asked() -> None:
        engine_server.wait_for('420["question"]')
        engine_server.send("6\x1e1")

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(end_when_asked)
        began = time.monotonic()
        with pytest.raises(DisconnectedError, match="ended before the answer came") as caught:
            client.do("call", "question", timeout=2 * DEADLINE)
        assert time.monotonic() - began < 2 * DEADLINE
        ending.result()
    assert isinstance(caught.value, TimeoutError)  # for who expects what python-socketio does


def test_unknown_and_repeated_acks_are_ignored(engine_server: EngineServer, make: Make) -> None:
    client = make()
    client.connect(engine_server)
    answers: list[Any] = []
    client.do("emit", "question", callback=answers.append)
    engine_server.wait_for('420["question"]')
    engine_server.send('437[9]\x1e430[1]\x1e430[2]\x1e42["done"]')
    client.wait_for("done")
    assert answers == [1]


def test_a_handler_that_fails_harms_nothing(
    engine_server: EngineServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    client = make()

    def fail(*args: Any) -> None:
        raise RuntimeError("the handler's own")

    client.client.on("fail", fail)
    client.connect(engine_server)
    engine_server.send('421["fail"]', '42["after"]')
    client.wait_for("after")
    wait_until(lambda: "the handler's own" in caplog.text)
    assert "431[]" not in engine_server.received


class Noting:
    """Handlers of the asyncio flavour that are no functions."""

    def __init__(self, events: list[tuple[Any, ...]]) -> None:
        self.events = events
        self.partial = functools.partial(self.note, "partial")

    async def note(self, *args: Any) -> None:
        await asyncio.sleep(0)
        self.events.append(args)

    async def __call__(self, *args: Any) -> None:
        await self.note("object", *args)


@pytest.mark.parametrize("flavour", ["async"])
def test_partials_and_callable_objects_are_coroutine_functions(
    engine_server: EngineServer, make: Make
) -> None:
    """Trap 35."""
    client = make()
    noting = Noting(client.events)
    client.client.on("one", noting)
    client.client.on("two", noting.partial)
    client.connect(engine_server)
    engine_server.send('42["one",1]', '42["two",2]')
    client.wait_for("object", 1)
    client.wait_for("partial", 2)


def test_a_result_that_cannot_be_sent_is_logged(
    engine_server: EngineServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    client = make()
    client.client.on("ask", lambda: object())
    client.connect(engine_server)
    engine_server.send('421["ask"]', '42["after"]')
    client.wait_for("after")
    wait_until(lambda: "what cannot be sent" in caplog.text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}])
def test_what_json_does_not_have_is_refused(
    engine_server: EngineServer, make: Make, value: Any
) -> None:
    client = make()
    client.connect(engine_server)
    with pytest.raises(ValueError, match="JSON"):
        client.do("emit", "event", value, callback=print)
    assert len(client.client.callbacks["/"]) == 0


# -- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "packet"), [(None, "40"), ({}, "40{}"), ({"token": 1}, '40{"token":1}')]
)
def test_no_auth_and_empty_auth_differ(
    engine_server: EngineServer, make: Make, auth: Any, packet: str
) -> None:
    """Trap 16."""
    make().connect(engine_server, auth=auth)
    assert engine_server.received == [packet]


def test_functions_are_asked_anew_for_every_attempt(
    engine_server: EngineServer, flavour: str, make: Make
) -> None:
    """The address, the headers and the auth; coroutine functions in the asyncio flavour."""
    numbers = {"url": 0, "headers": 0, "auth": 0}

    def count(name: str) -> str:
        numbers[name] += 1
        return str(numbers[name])

    async def url_async() -> str:
        return f"{engine_server.url}?number={count('url')}"

    async def headers_async() -> dict[str, str]:
        return {"X-Number": count("headers")}

    async def auth_async() -> dict[str, str]:
        return {"number": count("auth")}

    client = make(reconnection=True, reconnection_delay=0.01)
    options = {"transports": ["websocket"], "wait_timeout": DEADLINE}
    if flavour == "async":
        options |= {"headers": headers_async, "auth": auth_async}
        client.do("connect", url_async, **options)
    else:
        options |= {"headers": lambda: {"X-Number": count("headers")}}
        options |= {"auth": lambda: {"number": count("auth")}}
        client.do("connect", lambda: f"{engine_server.url}?number={count('url')}", **options)
    engine_server.send(None)
    wait_until(lambda: client.count("connect") == 2)
    seen = [(r.query["number"], r.headers["X-Number"]) for r in engine_server.requests]
    assert seen == [("1", "1"), ("2", "2")]
    assert engine_server.received == ['40{"number":"1"}', '40{"number":"2"}']


def test_a_refused_namespace_leaves_the_others_if_nobody_waits(
    engine_server: EngineServer, make: Make
) -> None:
    engine_server.accept_namespaces = False
    client = make()
    client.connect(engine_server, namespaces=["/", "/a"], wait=False)
    engine_server.send('40/a,{"sid":"a"}', '44{"message":"no"}')
    client.wait_for("connect_error", {"message": "no"})
    assert client.client.namespaces == {"/a": "a"}
    client.do("emit", "still", namespace="/a")
    engine_server.wait_for('42/a,["still"]')


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_answer_that_takes_too_long(
    engine_server: EngineServer, make: Make, transport: str
) -> None:
    """The handshake has `request_timeout` seconds."""
    engine_server.answers_handshakes = False
    client = make(request_timeout=0.2)
    began = time.monotonic()
    with pytest.raises(ConnectionError, match=r"did not answer in time|timed out|Timeout"):
        client.connect(engine_server, transports=[transport])
    assert time.monotonic() - began < DEADLINE


def test_every_request_carries_headers_and_cookies(engine_server: EngineServer, make: Make) -> None:
    engine_server.handshake["upgrades"] = ["websocket"]
    engine_server.answer_probe = "no"
    headers = {"X-Token": "secret", "cookie": "mine=1; other=2"}
    before = dict(headers)
    client = make(websocket_extra_options={"origin": "http://example"})
    client.connect(engine_server, transports=None, headers=headers)
    client.do("emit", "event")
    engine_server.wait_for('42["event"]')
    assert headers == before
    assert {(r.method, r.query["transport"]) for r in engine_server.requests} == {
        ("GET", "polling"),
        ("GET", "websocket"),
        ("POST", "polling"),
    }
    for number, request in enumerate(engine_server.requests):
        assert request.headers["X-Token"] == "secret"
        cookies = {"mine": "1", "other": "2"} | ({"sticky": "backend-1"} if number else {})
        assert dict(request.cookies) == cookies
        if request.query["transport"] == "websocket":
            assert request.headers["Origin"] == "http://example"


@pytest.mark.parametrize("wanted", [True, False])
def test_timestamps(engine_server: EngineServer, make: Make, wanted: bool) -> None:
    make(timestamp_requests=wanted).connect(engine_server)
    assert ("t" in engine_server.requests[0].query) is wanted


def test_extra_websocket_options_serve_every_connection(
    engine_server: EngineServer, flavour: str, make: Make
) -> None:
    name = "headers" if flavour == "async" else "header"
    options = {name: {"X-Extra": "1"}}
    client = make(websocket_extra_options=options)
    for _ in range(2):
        client.connect(engine_server, transports=["websocket"], headers={"X-Own": "2"})
        client.do("disconnect")
    seen = [(r.headers.get("X-Extra"), r.headers.get("X-Own")) for r in engine_server.requests]
    assert seen == [("1", "2")] * 2
    assert options == {name: {"X-Extra": "1"}}


def make_session(flavour: str, loop: LoopThread) -> Any:
    if flavour == "sync":
        return requests.Session()

    async def create() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    return loop.run(create())


def test_a_session_of_the_callers_is_used_and_left_open(
    engine_server: EngineServer, flavour: str, loop_thread: LoopThread, make: Make
) -> None:
    session = make_session(flavour, loop_thread)
    session.headers["X-Session"] = "mine"
    client = make(http_session=session)
    for _ in range(2):
        client.connect(engine_server)
        client.do("disconnect")
    assert {r.headers["X-Session"] for r in engine_server.requests} == {"mine"}
    if flavour == "async":
        assert not session.closed
        loop_thread.run(session.close())
    else:
        session.close()


def test_a_session_may_come_from_a_function(
    engine_server: EngineServer, flavour: str, make: Make
) -> None:
    made: list[Any] = []

    def create() -> Any:
        made.append(requests.Session())
        return made[-1]

    async def create_async() -> Any:
        made.append(aiohttp.ClientSession())
        return made[-1]

    client = make(http_session=create_async if flavour == "async" else create)
    for number in (1, 2):
        client.connect(engine_server)
        client.do("disconnect")
        assert len(made) == number
    if flavour == "async":
        assert all(session.closed for session in made)


def test_a_session_with_basic_credentials(
    engine_server: EngineServer, flavour: str, make: Make
) -> None:
    def create() -> Any:
        session = requests.Session()
        session.auth = ("user", "secret")
        return session

    async def create_async() -> Any:
        credentials = {"Authorization": aiohttp.encode_basic_auth("user", "secret")}
        return aiohttp.ClientSession(headers=credentials)

    client = make(http_session=create_async if flavour == "async" else create)
    client.connect(engine_server, transports=["websocket"])
    assert engine_server.requests[0].headers["Authorization"] == "Basic dXNlcjpzZWNyZXQ="


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # it was asked for
def test_tls(loop_thread: LoopThread, flavour: str, make: Make) -> None:
    import ssl

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = EngineServer(loop_thread, tls=context)
    server.handshake["upgrades"] = ["websocket"]
    for transports in (["polling"], ["websocket"], None):
        with pytest.raises(ConnectionError, match=r"(?i)certificate"):
            make().connect(server, transports=transports)
        client = make(ssl_verify=False)
        client.connect(server, transports=transports)
        assert client.client.connected
        client.do("disconnect")
    with authority.cert_pem.tempfile() as path:
        if flavour == "sync":
            session: Any = requests.Session()
            session.verify = path
        else:
            trusting = ssl.create_default_context(cafile=path)

            async def create() -> aiohttp.ClientSession:
                return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting))

            session = loop_thread.run(create())
        client = make(http_session=session)
        client.connect(server, transports=None)
        assert client.client.transport() == "websocket"
        client.do("disconnect")
        if flavour == "sync":
            session.close()
        else:
            loop_thread.run(session.close())
    server.close()


def test_a_json_module_serves_one_client_alone(engine_server: EngineServer, make: Make) -> None:
    class Shouting:
        @staticmethod
        def dumps(value: Any, **kwargs: Any) -> str:
            return json.dumps(value, **kwargs).upper()

        loads = staticmethod(json.loads)

    client = make(json=Shouting)
    client.connect(engine_server)
    client.do("emit", "loud")
    engine_server.wait_for('42["LOUD"]')
    other = make()
    assert other.client.packet_class is not client.client.packet_class
    assert json.loads(other.client.packet_class(2, ["quiet"]).encode()[1:]) == ["quiet"]


def test_a_serializer_that_fails_ends_the_connection(
    engine_server: EngineServer, make: Make
) -> None:
    class Broken(socketio.packet.Packet):  # type: ignore[name-defined,misc]  # a lazy module
        def decode(self, encoded_packet: str | bytes) -> int:
            if "boom" in str(encoded_packet):
                raise KeyError("boom")
            return super().decode(encoded_packet)

    client = make(serializer=Broken)
    client.connect(engine_server)
    engine_server.send('42["boom"]')
    client.wait_for("disconnect", "transport error")


# -- what applications do with the table ------------------------------------------------------


def test_handlers_may_be_taken_out_and_exchanged(engine_server: EngineServer, make: Make) -> None:
    client = make()
    sio = client.client
    sio.on("event", lambda: seen.append("first"))
    sio.on("disconnect", lambda reason: seen.append(reason))
    seen: list[str] = []
    client.connect(engine_server)

    def told(*expected: str) -> None:
        engine_server.send('42["event"]', '42["then"]')
        wait_until(lambda: "then" in seen)
        seen.remove("then")
        assert seen == list(expected)
        seen.clear()

    sio.on("then", lambda: seen.append("then"))
    told("first")
    sio.handlers["/"]["event"] = lambda: seen.append("second")
    told("second")
    del sio.handlers["/"]["event"]
    told()
    sio.handlers["/"].update(event=lambda: seen.append("third"))
    told("third")
    sio.handlers["/"].pop("event")
    told()
    sio.handlers["/"]["disconnect"] = lambda reason: seen.append("exchanged")
    client.do("disconnect")
    assert seen == ["exchanged"]


def test_every_connect_error_handler_may_disconnect(
    make: Make, flavour: str, engine_server: EngineServer
) -> None:
    client = make()
    sio = client.client
    seen: list[str] = []
    for namespace in ("/a", "/b"):
        if flavour == "sync":

            def refused(data: Any) -> None:
                sio.disconnect()
                seen.append("refused")

            sio.on("connect_error", refused, namespace=namespace)
        else:

            async def refused_async(data: Any) -> None:
                await sio.disconnect()
                seen.append("refused")

            sio.on("connect_error", refused_async, namespace=namespace)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            client.do("connect", "http://127.0.0.1:1", namespaces=["/a", "/b"])
    assert seen == ["refused"] * 4
    assert not sio.connected
