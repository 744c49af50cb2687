"""Observers: each is told of everything, in both flavours, and none of them can harm anybody."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from werkzeug.serving import make_server

import socketio
from socketio.server.observers import ServerObserver
from socketio.testing.contracts.cluster import Flavour, Node, wait_for
from socketio.testing.memory import AsyncTestClient, TestClient

DEADLINE = 15.0


class Recorder(ServerObserver):
    """Keeps what it is told, but for packets and messages, which it counts."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.packets = self.sent = self.messages = self.received = 0
        self._lock = threading.Lock()

    def session_opened(self, session: Any) -> None:
        self.told.append(("opened", session.transport_name))

    def session_closed(self, session: Any, reason: str) -> None:
        self.told.append(("closed", reason))

    def message_received(self, size: int) -> None:
        with self._lock:
            self.messages += 1
            self.received += size

    def packets_sent(self, count: int, size: int) -> None:
        with self._lock:
            self.packets += count
            self.sent += size

    def client_connected(self, namespace: str, sid: str) -> None:
        self.told.append(("connected", namespace, sid))

    def client_refused(self, namespace: str, sid: str | None, data: Any) -> None:
        self.told.append(("refused", namespace, data["message"]))

    def client_disconnected(self, namespace: str, sid: str, reason: str) -> None:
        self.told.append(("disconnected", namespace, sid, reason))

    def event_received(self, namespace: str, sid: str, arguments: list[Any]) -> None:
        self.told.append(("received", namespace, sid, arguments))

    def event_sent(self, namespace: str, sids: list[str], event: str, data: Any) -> None:
        self.told.append(("sent", namespace, sids, event, data))

    def ack_received(self, namespace: str, sid: str, ack_id: int, arguments: list[Any]) -> None:
        self.told.append(("ack received", sid, ack_id, arguments))

    def ack_sent(self, namespace: str, sid: str, ack_id: int, arguments: list[Any]) -> None:
        self.told.append(("ack sent", sid, ack_id, arguments))

    def room_entered(self, namespace: str, room: Any, sid: str) -> None:
        self.told.append(("entered", room, sid))

    def room_left(self, namespace: str, room: Any, sid: str) -> None:
        self.told.append(("left", room, sid))

    def take(self) -> list[tuple[Any, ...]]:
        told, self.told = self.told, []
        return told


class Panic(BaseException):
    """What an observer raises at its worst."""


class Raising(ServerObserver):
    """Fails whatever it is told."""

    def __getattribute__(self, name: str) -> Any:
        def fail(*args: Any) -> None:
            raise Panic(name)

        return fail if name in EVENTS else super().__getattribute__(name)


EVENTS = [
    name
    for name, member in vars(ServerObserver).items()
    if inspect.isfunction(member)
    and not name.startswith("_")
    and name != "client_slow"  # of what hardly happens `test_flow` tells
]


@pytest.fixture(params=["async", "sync"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    return "async" if request.param == "async" else "sync"


@pytest.fixture
def create_node(flavour: Flavour) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def create(**options: Any) -> Node:
        manager = socketio.AsyncManager if flavour == "async" else socketio.Manager
        nodes.append(Node(flavour, manager, **options))
        return nodes[-1]

    yield create
    for node in nodes:
        node.stop()


def refuse(node: Node, namespace: str) -> None:
    """Have a client ask for a namespace that refuses it."""
    if node.flavour == "sync":
        with pytest.raises(ConnectionRefusedError):
            TestClient(node.server).connect(namespace)
        return

    async def connect() -> None:
        with pytest.raises(ConnectionRefusedError):
            await AsyncTestClient(node.server).connect(namespace)

    node.run(connect)


def test_everything_is_told_in_order(create_node: Callable[..., Node]) -> None:
    node = create_node(namespaces=["/", "/closed"])
    sio, recorder = node.server, Recorder()
    sio.observers += [Raising(), recorder]  # the first one must not keep it from the second
    sio.on("add", lambda sid, one, two: one + two)
    sio.on("connect", lambda sid, environ: False, namespace="/closed")
    client = node.client()
    sid = client.sid
    assert recorder.take() == [("opened", "memory"), ("connected", "/", sid)]

    client.on("ask", lambda question: (question, "answer"))
    assert node.call("ask", "q", to=sid) == ("q", "answer")
    assert recorder.take() == [
        ("sent", "/", [sid], "ask", "q"),
        ("ack received", sid, 0, ["q", "answer"]),
    ]
    for function in (sio.enter_room, sio.enter_room, sio.leave_room, sio.leave_room):
        node.run(function, sid, "room")
    node.run(sio.enter_room, sid, "hall")
    node.run(sio.close_room, "hall")
    told = [("entered", "room", sid), ("left", "room", sid)]
    assert recorder.take() == [*told, ("entered", "hall", sid), ("left", "hall", sid)]

    refuse(node, "/closed")
    refuse(node, "/nowhere")
    assert [event for event in recorder.take() if event[0] == "refused"] == [
        ("refused", "/closed", "Connection rejected by server"),
        ("refused", "/nowhere", "Invalid namespace"),
    ]
    node.run(sio.disconnect, sid, close=True)
    wait_for(lambda: ("closed", "server disconnect") in recorder.told, "the session's end")
    assert recorder.take() == [
        ("disconnected", "/", sid, "server disconnect"),
        ("closed", "server disconnect"),
    ]
    failures = [text for text in node.log.messages() if "of observer" in text]
    assert {text.partition("()")[0] for text in failures} == set(EVENTS) - {
        "session_upgraded",
        "event_received",
        "ack_sent",
    }


def test_events_and_their_size(create_node: Callable[..., Node]) -> None:
    node = create_node()
    sio, recorder = node.server, Recorder()
    clients = [node.client(), node.client()]
    sio.observers.append(recorder)
    node.emit("news", "\u00fc")
    assert recorder.take() == [("sent", "/", [client.sid for client in clients], "news", "\u00fc")]
    assert (recorder.packets, recorder.sent) == (2, 2 * len('2["news","\u00fc"]'.encode()))
    sio.observers.remove(recorder)
    node.emit("news", 1)
    assert recorder.take() == []


async def test_an_event_and_its_answer() -> None:
    sio = socketio.AsyncServer()
    recorder = Recorder()
    sio.observers += [Raising(), recorder]

    @sio.event
    async def add(sid: str, *numbers: int) -> int:
        return sum(numbers)

    client = AsyncTestClient(sio)
    sid = await client.connect()
    recorder.take()
    recorder.messages = recorder.received = recorder.packets = recorder.sent = 0
    assert await client.call("add", 1, 2) == [3]
    assert recorder.take() == [
        ("received", "/", sid, ["add", 1, 2]),
        ("ack sent", sid, 0, [3]),
    ]
    assert (recorder.messages, recorder.received) == (1, len('20["add",1,2]'))
    assert (recorder.packets, recorder.sent) == (1, len("30[3]"))
    await sio.shutdown()


async def test_a_client_that_was_accepted_before_it_was_refused() -> None:
    sio = socketio.AsyncServer(always_connect=True)
    recorder = Recorder()
    sio.observers.append(recorder)
    sio.on("connect", lambda sid, environ: False)
    sid = await AsyncTestClient(sio).connect()
    assert recorder.take()[1:] == [
        ("connected", "/", sid),
        ("disconnected", "/", sid, "server disconnect"),
    ]
    await sio.shutdown()


async def test_an_observer_that_stops_the_program_stops_it() -> None:
    class Stopping(ServerObserver):
        def client_disconnected(self, namespace: str, sid: str, reason: str) -> None:
            raise KeyboardInterrupt

    sio = socketio.AsyncServer()
    left: list[str] = []
    sio.on("disconnect", lambda sid, reason: left.append(reason))
    sio.observers.append(Stopping())
    client = AsyncTestClient(sio)
    await client.connect()
    with pytest.raises(KeyboardInterrupt):
        client.drop()
    assert left == ["transport close"]
    assert not sio.manager.rooms
    sio.observers.clear()
    await sio.shutdown()


async def test_an_upgrade_in_an_event_loop() -> None:
    sio = socketio.AsyncServer()
    upgraded: asyncio.Queue[str] = asyncio.Queue()

    class Watching(ServerObserver):
        def session_upgraded(self, session: Any) -> None:
            upgraded.put_nowait(session.transport_name)

    sio.observers += [Raising(), Watching()]
    config = uvicorn.Config(socketio.ASGIApp(sio), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(f"http://127.0.0.1:{port}")
        assert await asyncio.wait_for(upgraded.get(), DEADLINE) == "websocket"
    await sio.shutdown()
    server.should_exit = True
    await serving


def test_an_upgrade_in_threads() -> None:
    """Who is told may wait for a lock of his own, whose holder sends to this session."""
    sio = socketio.Server()
    upgraded: queue.Queue[tuple[str, bool]] = queue.Queue()

    class Watching(ServerObserver):
        def session_upgraded(self, session: Any) -> None:
            def look() -> None:
                free = session.lock.acquire(False)
                if free:
                    session.lock.release()
                upgraded.put((session.transport_name, free))

            looking = threading.Thread(target=look)
            looking.start()
            looking.join(DEADLINE)

    sio.observers += [Raising(), Watching()]
    server = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with socketio.SimpleClient() as client:
        client.connect(f"http://127.0.0.1:{server.server_port}")
        assert upgraded.get(timeout=DEADLINE) == ("websocket", True)
    sio.shutdown()
    server.shutdown()
    thread.join(DEADLINE)
    server.server_close()
