"""Tests of the simple clients and of class namespaces, against our own server."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import socketio
from socketio.exceptions import ConnectionError, DisconnectedError, TimeoutError

from .conftest import DEADLINE, LoopThread

Server = tuple[str, socketio.AsyncServer]
Do = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def do(loop_thread: LoopThread) -> Do:
    """Call a method of either flavour and return its result."""

    def call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not inspect.iscoroutinefunction(method):
            return method(*args, **kwargs)
        return loop_thread.run(method(*args, **kwargs))

    return call


@pytest.fixture
def simple(flavour: str, do: Do) -> Iterator[Any]:
    name = "AsyncSimpleClient" if flavour == "async" else "SimpleClient"
    client = getattr(socketio, name)(reconnection_delay=0.05)
    yield client
    do(client.disconnect)


def serve(sio: socketio.AsyncServer, namespace: str = "/") -> None:
    @sio.on("echo", namespace=namespace)
    async def echo(sid: str, *args: Any) -> Any:
        await sio.emit("echo", args, to=sid, namespace=namespace)
        return args

    @sio.on("bye", namespace=namespace)
    async def bye(sid: str) -> None:
        await sio.disconnect(sid, namespace=namespace)

    @sio.on("silence", namespace=namespace)
    async def silence(sid: str) -> None:
        await sio.sleep(60)

    @sio.on("cut", namespace=namespace)
    async def cut(sid: str) -> None:
        await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, namespace))


def test_a_conversation(socketio_server: Server, simple: Any, do: Do) -> None:
    url, sio = socketio_server
    serve(sio)
    assert simple.sid is None
    assert simple.transport == ""
    do(simple.connect, url)
    assert simple.connected
    assert simple.sid
    assert simple.transport == "websocket"
    do(simple.emit, "echo", ("a", b"b"))
    assert do(simple.receive, timeout=DEADLINE) == ["echo", "a", b"b"]
    assert do(simple.call, "echo", 1) == 1
    assert do(simple.receive) == ["echo", 1]
    with pytest.raises(TimeoutError, match=r"no event came within 0\.01 s"):
        do(simple.receive, timeout=0.01)


def test_events_are_kept_in_order(socketio_server: Server, simple: Any, do: Do) -> None:
    url, sio = socketio_server
    serve(sio)
    do(simple.connect, url)
    for number in range(100):
        do(simple.emit, "echo", number)
    assert [do(simple.receive, timeout=DEADLINE) for _ in range(100)] == [
        ["echo", number] for number in range(100)
    ]


def test_a_namespace(socketio_server: Server, simple: Any, do: Do) -> None:
    url, sio = socketio_server
    serve(sio, "/chat")
    do(simple.connect, url, namespace="/chat")
    assert do(simple.call, "echo", "there") == "there"


def test_before_connecting(simple: Any, do: Do) -> None:
    for method, args in (
        (simple.emit, ("event",)),
        (simple.call, ("event",)),
        (simple.receive, ()),
    ):
        with pytest.raises(DisconnectedError, match=r"call connect\(\)"):
            do(method, *args)
    do(simple.disconnect)


def test_connecting_twice(socketio_server: Server, simple: Any, do: Do) -> None:
    url, _ = socketio_server
    do(simple.connect, url)
    with pytest.raises(RuntimeError, match="Already connected"):
        do(simple.connect, url)
    do(simple.disconnect)
    do(simple.connect, url)


def test_a_failed_connection_may_be_tried_again(
    socketio_server: Server, simple: Any, do: Do
) -> None:
    url, _ = socketio_server
    with pytest.raises(ConnectionError):
        do(simple.connect, url, namespace="/nowhere")
    assert not simple.connected
    do(simple.connect, url)
    assert simple.connected


def test_after_the_server_has_ended_it(socketio_server: Server, simple: Any, do: Do) -> None:
    url, sio = socketio_server
    serve(sio)
    do(simple.connect, url)
    do(simple.emit, "echo", "last words")
    do(simple.emit, "bye")
    assert do(simple.receive, timeout=DEADLINE) == ["echo", "last words"]
    with pytest.raises(DisconnectedError, match="has ended"):
        do(simple.receive, timeout=DEADLINE)
    with pytest.raises(DisconnectedError, match="has ended"):
        do(simple.emit, "echo")
    with pytest.raises(DisconnectedError, match="has ended"):
        do(simple.call, "echo")


def test_waits_for_a_reconnection(socketio_server: Server, simple: Any, do: Do) -> None:
    url, sio = socketio_server
    serve(sio)
    do(simple.connect, url)
    first = simple.sid
    do(simple.emit, "cut")
    while simple.sid == first:
        time.sleep(0.001)
    do(simple.emit, "echo", "again")
    assert do(simple.receive, timeout=DEADLINE) == ["echo", "again"]
    assert simple.sid != first


def test_a_reconnection_takes_from_the_time_to_receive(
    socketio_server: Server, simple: Any, do: Do, within: Callable[[float, float], None]
) -> None:
    """In python-socketio it takes as long again."""
    url, sio = socketio_server
    serve(sio)
    do(simple.connect, url)
    simple.client.reconnection_delay = simple.client.reconnection_delay_max = 30
    do(simple.emit, "cut")
    end = time.monotonic() + DEADLINE
    while simple.connected_event.is_set():
        assert time.monotonic() < end
        time.sleep(0.001)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        do(simple.receive, timeout=2)
    seconds = time.monotonic() - began
    assert seconds >= 2
    within(seconds, 4)


def test_a_call_times_out(socketio_server: Server, simple: Any, do: Do) -> None:
    """In python-socketio it is sent again, for ever."""
    url, sio = socketio_server
    serve(sio)
    do(simple.connect, url)
    with pytest.raises(TimeoutError):
        do(simple.call, "silence", timeout=0.05)


def test_the_context_manager_disconnects(socketio_server: Server) -> None:
    url, sio = socketio_server
    serve(sio)
    with socketio.SimpleClient() as client:
        client.connect(url)
        assert client.call("echo", 1) == 1
    assert not client.connected
    assert client.client is None


async def test_the_asyncio_context_manager_disconnects(socketio_server: Server) -> None:
    url, sio = socketio_server
    serve(sio)
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(url)
        assert await client.call("echo", 1) == 1
    assert not client.connected
    assert client.client is None


def test_class_namespaces(socketio_server: Server, flavour: str, do: Do) -> None:
    url, sio = socketio_server
    serve(sio, "/chat")
    seen: list[Any] = []

    class Sync(socketio.ClientNamespace):
        def on_connect(self) -> None:
            seen.append("connect")

        def on_disconnect(self) -> None:
            seen.append("disconnect")

        def on_echo(self, *args: Any) -> None:
            seen.append(args)

    class Asyncio(socketio.AsyncClientNamespace):
        async def on_connect(self) -> None:
            seen.append("connect")

        async def on_disconnect(self, reason: str) -> None:
            seen.append("disconnect")

        async def on_echo(self, *args: Any) -> None:
            seen.append(args)

    client: Any = socketio.AsyncClient() if flavour == "async" else socketio.Client()
    namespace: Any = (Asyncio if flavour == "async" else Sync)("/chat")
    client.register_namespace(namespace)
    do(client.connect, url, wait_timeout=DEADLINE)
    assert do(namespace.call, "echo", ("a", "b")) == ("a", "b")
    do(namespace.emit, "echo", "c")
    do(namespace.call, "echo", "d")
    end = time.monotonic() + DEADLINE
    while len(seen) < 4:
        assert time.monotonic() < end, seen
        time.sleep(0.005)
    do(namespace.disconnect)
    assert seen == ["connect", ("a", "b"), ("c",), ("d",), "disconnect"]


def test_functions_win_over_classes_and_names_over_catch_alls(
    socketio_server: Server, flavour: str, do: Do
) -> None:
    url, sio = socketio_server
    serve(sio, "/chat")
    seen: list[Any] = []
    client: Any = socketio.AsyncClient() if flavour == "async" else socketio.Client()
    base: Any = socketio.AsyncClientNamespace if flavour == "async" else socketio.ClientNamespace

    class Everywhere(base):  # type: ignore[misc]  # the base depends on the flavour
        def on_echo(self, namespace: str, *args: Any) -> None:
            seen.append(("class", namespace, *args))

    def echo(number: int) -> None:
        do(client.emit, "echo", number, namespace="/chat")
        end = time.monotonic() + DEADLINE
        while len(seen) < number:
            assert time.monotonic() < end, seen
            time.sleep(0.005)

    client.register_namespace(Everywhere("*"))
    do(client.connect, url, namespaces=["/chat"], wait_timeout=DEADLINE)
    echo(1)
    client.on("*", lambda event, ns, *args: seen.append(("* *", event, ns, *args)), namespace="*")
    echo(2)
    client.on("echo", lambda ns, *args: seen.append(("echo *", ns, *args)), namespace="*")
    echo(3)
    client.on("*", lambda event, *args: seen.append(("*", event, *args)), namespace="/chat")
    echo(4)
    client.on("echo", lambda *args: seen.append(("echo", *args)), namespace="/chat")
    echo(5)
    do(client.disconnect)
    assert seen == [
        ("class", "/chat", 1),
        ("* *", "echo", "/chat", 2),
        ("echo *", "/chat", 3),
        ("*", "echo", 4),
        ("echo", 5),
    ]


async def test_the_asyncio_client_may_be_used_from_its_own_loop_only(
    socketio_server: Server, loop_thread: LoopThread
) -> None:
    """Trap 34."""
    url, sio = socketio_server
    serve(sio)
    client = socketio.AsyncClient()
    await client.connect(url, wait_timeout=DEADLINE)
    with pytest.raises(RuntimeError, match="run_coroutine_threadsafe"):
        loop_thread.run(client.emit("echo"))
    await client.disconnect()
