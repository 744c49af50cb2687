"""What connect handlers send, and to whom: in both flavours, over the in-memory transport."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import socketio
from socketio.server.connecting import connecting
from socketio.testing.contracts.cluster import ClusterClient, Flavour, Node, wait_for
from socketio.testing.memory import AsyncTestClient, TestClient

Create = Callable[..., Node]
Emits = Callable[[Any, str], list[Any]]


@pytest.fixture(params=["async", "sync"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    return "async" if request.param == "async" else "sync"


@pytest.fixture
def create_node(flavour: Flavour) -> Iterator[Create]:
    nodes: list[Node] = []

    def create(**options: Any) -> Node:
        manager = socketio.AsyncManager if flavour == "async" else socketio.Manager
        nodes.append(Node(flavour, manager, **options))
        return nodes[-1]

    yield create
    for node in nodes:
        node.stop()


@pytest.fixture
def node(create_node: Create) -> Node:
    return create_node()


def on_connect(node: Node, emits: Emits, result: Any = None, namespace: str = "/") -> None:
    """Register a connect handler.

    Args:
        node: The node.
        emits: Gets the server and the client's id, and calls what the handler calls: in the
            asyncio flavour, the coroutines that it returns are awaited.
        result: What the handler returns.
        namespace: The namespace.
    """

    def connect(sid: str, environ: Any) -> Any:
        emits(node.server, sid)
        return result

    async def connect_async(sid: str, environ: Any) -> Any:
        for emitting in emits(node.server, sid):
            await emitting
            await asyncio.sleep(0)  # the context is the same after a wait
        return result

    handler = connect_async if node.flavour == "async" else connect
    node.server.on("connect", handler, namespace=namespace)


def refused(node: Node, afterwards: Callable[[], None] = lambda: None) -> list[list[Any]]:
    """Have a client connect that is refused, do something, and return what the client got."""
    if node.flavour == "sync":
        client = TestClient(node.server)
        with pytest.raises(ConnectionRefusedError):
            client.connect()
        afterwards()
        return client.received()

    async def connect() -> list[list[Any]]:
        client = AsyncTestClient(node.server)
        with pytest.raises(ConnectionRefusedError):
            await client.connect()
        afterwards()
        return client.received()

    got: list[list[Any]] = node.run(connect)
    return got


def test_everything_arrives_in_the_order_in_which_it_was_sent(node: Node) -> None:
    member = node.client()
    on_connect(
        node,
        lambda sio, sid: [
            sio.emit("state", {"n": 1}),
            sio.emit("yours", 2, to=sid),
            sio.send(3),
            sio.enter_room(sid, "hall"),
            sio.emit("hall", 4, room="hall"),
            sio.emit("hall", b"\x05", to=["hall", sid]),
            sio.emit("state", (6, b"\x06")),
            sio.emit("both", 7, to=[None, "hall"]),
        ],
    )
    newcomer = node.client()
    state = [["state", {"n": 1}], ["message", 3], ["state", 6, b"\x06"], ["both", 7]]
    assert node.fence([member, newcomer]) == [
        state,
        [
            ["state", {"n": 1}],
            ["yours", 2],
            ["message", 3],
            ["hall", 4],
            ["hall", b"\x05"],
            ["state", 6, b"\x06"],
            ["both", 7],
        ],
    ]


@pytest.mark.parametrize("skip", ["me", "others", "true"])
def test_skipped_clients(node: Node, skip: str) -> None:
    """`skip_sid=True` is what Udacity's driving simulator says; it skips nobody."""
    member = node.client()

    def emits(sio: Any, sid: str) -> list[Any]:
        skipped = {"me": sid, "others": [member.sid], "true": True}[skip]
        return [sio.emit("steer", 1, skip_sid=skipped)]

    on_connect(node, emits)
    newcomer = node.client()
    steer = [["steer", 1]]
    expected = {"me": [steer, []], "others": [[], steer], "true": [steer, steer]}
    assert node.fence([member, newcomer]) == expected[skip]


def test_a_callback_hears_the_newcomer_too(node: Node) -> None:
    answers: list[Any] = []
    clients = [ClusterClient(node, "/"), ClusterClient(node, "/")]
    for number, client in enumerate(clients):
        client.on("ask", lambda question, number=number: (question, number))
    clients[0].connect()
    on_connect(node, lambda sio, sid: [sio.emit("ask", "q", callback=lambda *a: answers.append(a))])
    clients[1].connect()
    wait_for(lambda: len(answers) == 2, "two answers")
    assert sorted(answers) == [("q", 0), ("q", 1)]


@pytest.mark.parametrize("options", [{"serializer": "msgpack"}, {"async_handlers": False}])
def test_other_servers(create_node: Create, options: dict[str, Any]) -> None:
    node = create_node(**options)
    on_connect(node, lambda sio, sid: [sio.emit("state", b"\x01"), sio.emit("yours", to=sid)])
    newcomer = node.client()
    assert node.fence([newcomer]) == [[["state", b"\x01"], ["yours"]]]


def test_a_client_that_is_accepted_before_its_handler_runs(create_node: Create) -> None:
    node = create_node(always_connect=True)
    on_connect(node, lambda sio, sid: [sio.emit("state", 1), sio.emit("yours", 2, to=sid)])
    newcomer = node.client()
    assert newcomer.until("yours") == [["state", 1]]


def test_a_class_of_handlers(node: Node) -> None:
    class Chat(socketio.Namespace):
        def on_connect(self, sid: str, environ: Any) -> None:
            self.emit("hello", 1)
            self.send("all")

    class AsyncChat(socketio.AsyncNamespace):
        async def on_connect(self, sid: str, environ: Any) -> None:
            await self.emit("hello", 1)
            await self.send("all")

    node.server.register_namespace((AsyncChat if node.flavour == "async" else Chat)("/chat"))
    newcomer = node.client("/chat")
    assert node.fence([newcomer]) == [[["hello", 1], ["message", "all"]]]


def test_nothing_reaches_a_client_that_is_refused(node: Node) -> None:
    member = node.client()
    heard: list[Any] = []
    on_connect(
        node,
        lambda sio, sid: [sio.emit("state", 1), sio.emit("ask", 2, callback=heard.append)],
        result=False,
    )
    assert refused(node) == []
    assert node.fence([member]) == [[["state", 1], ["ask", 2]]]
    assert list(node.manager.callbacks) == [member.sid]
    assert heard == []


def test_another_namespace_is_left_when_its_own_handler_has_accepted(node: Node) -> None:
    """A handler speaks for the client in its own namespace only."""
    on_connect(node, lambda sio, sid: [sio.emit("other", 1, namespace="/other")])
    other = node.client("/other")
    newcomer = node.client()
    assert node.fence([newcomer, other]) == [[], [["other", 1]]]


def test_broadcasts_of_others_pass_by(node: Node) -> None:
    """Trap 2: of another connect handler at the same time, too."""
    waiting, gate = threading.Event(), threading.Event()

    def connect(sid: str, environ: Any) -> None:
        node.server.emit("mine", sid)
        if not waiting.is_set():
            waiting.set()
            gate.wait(15)

    async def connect_async(sid: str, environ: Any) -> None:
        await node.server.emit("mine", sid)
        if not waiting.is_set():
            waiting.set()
            await asyncio.to_thread(gate.wait, 15)

    node.server.on("connect", connect_async if node.flavour == "async" else connect)
    slow = ClusterClient(node, "/")
    joined = node.run(slow._open)
    assert waiting.wait(15)
    node.emit("secret", 1)
    quick = node.client()
    gate.set()
    slow.sid = joined.result(15)
    node.emit("public", 2)
    assert node.fence([slow, quick]) == [
        [["mine", slow.sid], ["public", 2]],
        [["mine", quick.sid], ["public", 2]],
    ]


def test_what_the_handler_starts_beside_itself(node: Node) -> None:
    """It reaches the client whoever is faster, the task or the end of the handler."""
    done = threading.Event()

    def job(number: int) -> None:
        node.server.emit("job", number)
        done.set()

    async def job_async(number: int) -> None:
        await node.server.emit("job", number)
        done.set()

    def connect(sid: str, environ: Any) -> None:
        node.server.start_background_task(job, 1)
        assert done.wait(15)
        node.server.emit("end")

    async def connect_async(sid: str, environ: Any) -> None:
        await node.server.start_background_task(job_async, 1)
        await asyncio.gather(node.server.emit("gathered", 2))
        await node.server.emit("end")

    node.server.on("connect", connect_async if node.flavour == "async" else connect)
    newcomer = node.client()
    assert newcomer.until("end") == [["job", 1]] + (
        [["gathered", 2]] if node.flavour == "async" else []
    )


def test_nothing_is_lost_or_doubled_while_the_client_is_accepted(node: Node) -> None:
    """A task of the handler goes on while the client becomes one of everyone."""

    def job() -> None:
        for number in range(200):
            node.server.emit("n", number)
        node.server.emit("end")

    async def job_async() -> None:
        for number in range(200):
            await node.server.emit("n", number)
            await asyncio.sleep(0)
        await node.server.emit("end")

    def connect(sid: str, environ: Any) -> None:
        node.server.start_background_task(job)

    async def connect_async(sid: str, environ: Any) -> None:
        node.server.start_background_task(job_async)
        await asyncio.sleep(0)

    node.server.on("connect", connect_async if node.flavour == "async" else connect)
    for _ in range(20):
        client = node.client()
        assert client.until("end") == [["n", number] for number in range(200)]
        client.leave()


def test_a_coroutine_function_is_no_background_task_of_threads() -> None:
    """The error is the same one inside of a connect handler as anywhere."""
    sio = socketio.Server()
    errors: list[str] = []

    async def job() -> None: ...

    def connect(sid: str, environ: Any) -> None:
        with pytest.raises(TypeError, match="must be a function") as caught:
            sio.start_background_task(job)
        errors.append(str(caught.value))

    sio.on("connect", connect)
    TestClient(sio).connect()
    assert len(errors) == 1
    sio.shutdown()


def test_a_client_that_has_just_been_refused_gets_nothing(node: Node) -> None:
    """A task of its handler has asked who is there, and goes on when the handler has ended."""
    asked: list[Any] = []

    def ask(sio: Any, sid: str) -> list[Any]:
        asked.extend(sio.manager.table.in_room("/", None, connecting.get()))
        assert [member.sid for member in asked] == [sid]
        return []

    on_connect(node, ask, result=False)
    assert refused(node, lambda: node.server.manager.deliver_event(asked, "/", "late", 1)) == []
