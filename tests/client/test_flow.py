"""Clients whose server does not read, and whose handlers do not keep up, in both flavours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

import socketio
from socketio.client import inbox as client_inbox
from socketio.exceptions import BadNamespaceError, DisconnectedError
from socketio.protocol.engine_client import SEND_MARK

from .conftest import DEADLINE, LoopThread
from .raw_server import PollingServer, WebsocketServer
from .test_faults import Blocking, made_clients, wait_until

PART = 65_000
TEXT = "x" * PART
PLENTY = 1000
"""So many parts are more than what the systems' buffers take, and the marks."""
FEW = 400
"""What both buffers and the marks allow, and some more."""


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def serve() -> Iterator[Callable[[float], WebsocketServer]]:
    """Start a server with this ping interval and this ping timeout, in seconds."""
    with contextlib.ExitStack() as stack:

        def start(seconds: float) -> WebsocketServer:
            server = WebsocketServer(seconds)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def server(serve: Callable[[float], WebsocketServer]) -> WebsocketServer:
    return serve(30)


@pytest.fixture
def polling_server() -> Iterator[PollingServer]:
    server = PollingServer()
    yield server
    server.close()


Make = Callable[..., Blocking]


@pytest.fixture
def make(flavour: str, loop_thread: LoopThread) -> Iterator[Make]:
    with made_clients(flavour, loop_thread) as make_one:
        yield make_one


def connect(client: Blocking, server: WebsocketServer) -> Any:
    """Connect, and return the engine's connection."""
    client.do("connect", server.url, transports=["websocket"], wait_timeout=DEADLINE)
    server.wait_accepted()
    return client.client.eio._connection


def emit_many(client: Blocking, count: int = PLENTY) -> int:
    """Emit numbered events; return how many there were before an error that is awaited."""
    for number in range(count):
        try:
            client.do("emit", "part", (number, TEXT))
        except BadNamespaceError:
            return number
    return count


def wait_stalled(connection: Any) -> None:
    """Wait until who sends waits: for room, or in a write that makes no progress."""

    def stalled() -> bool:
        if connection.room.waiting:
            return True
        sent = connection.outbox.sent
        time.sleep(0.2)
        return bool(connection.outbox.size > 0 and connection.outbox.sent == sent)

    wait_until(stalled)


def numbers(packets: list[str]) -> list[int]:
    return [json.loads(packet[2:])[1] for packet in packets if packet.startswith('42["part"')]


# -- sending ----------------------------------------------------------------------------------


def test_an_emit_waits_for_a_server_that_does_not_read(
    make: Make, server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    client = make()
    connection = connect(client, server)
    sent = pool.submit(emit_many, client)
    wait_stalled(connection)
    assert not sent.done()
    assert connection.outbox.size < SEND_MARK + 2 * PART
    reading = pool.submit(server.receive_until, '42["end"]')
    assert sent.result(DEADLINE * 2) == PLENTY
    client.do("emit", "end")
    assert numbers(reading.result(DEADLINE)) == list(range(PLENTY))


def test_an_emit_waits_for_posts_that_are_not_answered(
    make: Make, polling_server: PollingServer, pool: ThreadPoolExecutor
) -> None:
    client = make(request_timeout=DEADLINE)
    client.do("connect", polling_server.url, transports=["polling"], wait_timeout=DEADLINE)
    polling_server.taking.clear()
    connection = client.client.eio._connection
    sent = pool.submit(emit_many, client)
    wait_stalled(connection)
    assert connection.outbox.size < SEND_MARK + 2 * PART
    polling_server.taking.set()
    assert sent.result(DEADLINE * 2) == PLENTY
    wait_until(lambda: len(numbers(polling_server.received)) == PLENTY)
    assert numbers(polling_server.received) == list(range(PLENTY))


@pytest.mark.parametrize("end", ["reset", "disconnect"])
def test_an_emit_that_waits_ends_with_the_connection(
    make: Make,
    server: WebsocketServer,
    pool: ThreadPoolExecutor,
    within: Callable[[float, float], None],
    end: str,
) -> None:
    client = make()
    connection = connect(client, server)
    several = [pool.submit(emit_many, client) for _ in range(3)]
    wait_stalled(connection)
    began = time.monotonic()
    if end == "reset":
        server.reset()
    else:
        client.do("disconnect")
    for sent in several:
        assert sent.result(DEADLINE) < PLENTY
    client.do_engine_wait()
    within(time.monotonic() - began, 2)
    client.wait_for("disconnect", "transport error" if end == "reset" else "client disconnect")
    assert client.count("disconnect") == 1


def test_an_emit_says_that_the_connection_has_ended(
    make: Make, server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    client = make()
    connection = connect(client, server)

    def emit() -> None:
        for number in range(PLENTY):
            client.do("emit", "part", (number, TEXT))

    sent = pool.submit(emit)
    wait_stalled(connection)
    server.reset()
    with pytest.raises(DisconnectedError, match="before 'part' was sent") as caught:
        sent.result(DEADLINE)
    assert isinstance(caught.value, BadNamespaceError)  # as a moment later


def test_polling_emits_that_wait_end_with_the_connection(
    make: Make, polling_server: PollingServer, pool: ThreadPoolExecutor
) -> None:
    client = make(request_timeout=DEADLINE)
    client.do("connect", polling_server.url, transports=["polling"], wait_timeout=DEADLINE)
    polling_server.taking.clear()
    connection = client.client.eio._connection
    sent = pool.submit(emit_many, client)
    wait_stalled(connection)
    polling_server.payloads.put("")
    assert sent.result(DEADLINE) < PLENTY
    client.wait_for("disconnect", "transport error")


def test_a_server_that_pings_and_does_not_read_is_no_dead_one(
    make: Make, serve: Callable[[float], WebsocketServer], pool: ThreadPoolExecutor
) -> None:
    server = serve(1)
    client = make()
    connection = connect(client, server)
    pinging = threading.Event()

    def ping() -> None:
        while not pinging.wait(0.1):
            server.send("2")

    pings = pool.submit(ping)
    sent = pool.submit(emit_many, client, FEW)
    wait_stalled(connection)
    with pytest.raises(TimeoutError):
        sent.result(2.5)  # longer than both, while nothing of ours leaves
    reading = pool.submit(server.receive_until, '42["end"]')
    assert sent.result(DEADLINE) == FEW
    client.do("emit", "end")
    assert numbers(reading.result(DEADLINE)) == list(range(FEW))
    pinging.set()
    pings.result(DEADLINE)


def test_a_call_keeps_its_time_limit(
    make: Make,
    server: WebsocketServer,
    pool: ThreadPoolExecutor,
    within: Callable[[float, float], None],
) -> None:
    client = make()
    connection = connect(client, server)
    sent = pool.submit(emit_many, client)
    wait_stalled(connection)
    began = time.monotonic()
    with pytest.raises(socketio.exceptions.TimeoutError) as caught:
        client.do("call", "question", TEXT, timeout=0.2)
    assert not isinstance(caught.value, DisconnectedError)
    within(time.monotonic() - began, 1)
    server.reset()
    assert sent.result(DEADLINE) < PLENTY


def test_small_emits_of_many_threads_stay_in_order(
    make: Make, server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    client = make()
    connect(client, server)

    def emit(name: str) -> None:
        for number in range(500):
            client.do("emit", name, number)

    reading = pool.submit(server.receive_until, '42["end"]')
    for future in [pool.submit(emit, name) for name in "abcd"]:
        future.result(DEADLINE)
    client.do("emit", "end")
    received = reading.result(DEADLINE)
    for name in "abcd":
        begin = f'42["{name}",'
        own = [int(packet[len(begin) : -1]) for packet in received if packet.startswith(begin)]
        assert own == list(range(500))


async def test_an_emit_that_is_cancelled_while_it_waits_harms_nothing(
    server: WebsocketServer, logged_errors: Callable[[], list[str]]
) -> None:
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(server.url, transports=["websocket"], wait_timeout=DEADLINE)

    async def emit() -> None:
        for number in range(PLENTY):
            await client.emit("part", (number, TEXT))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(emit(), 0.5)
    reading = asyncio.ensure_future(asyncio.to_thread(server.receive_until, '42["end"]'))
    await client.emit("end")
    received = numbers(await asyncio.wait_for(reading, DEADLINE))
    assert received == list(range(len(received)))
    assert len(received) < PLENTY
    await client.disconnect()
    await client.eio.wait()
    assert logged_errors() == []


# -- receiving --------------------------------------------------------------------------------


class Slow:
    """Handlers that wait until they may go on, and what they were given."""

    def __init__(self, client: Blocking) -> None:
        self.handled: list[int] = []
        self._gate = threading.Event()
        self._gates: list[asyncio.Event] = []
        self._client = client
        client.client.on("part", self._wait if client.flavour == "sync" else self._wait_async)

    def _wait(self, number: int, text: str) -> None:
        assert self._gate.wait(DEADLINE * 3)
        self.handled.append(number)

    async def _wait_async(self, number: int, text: str) -> None:
        if not self._gate.is_set():
            self._gates.append(asyncio.Event())
            await self._gates[-1].wait()
        self.handled.append(number)

    def open(self) -> None:
        self._gate.set()
        for gate in self._gates:
            self._client._loop.loop.call_soon_threadsafe(gate.set)


EVENT = f'42["part",{{}},"{TEXT}"]'


def test_reading_pauses_while_handlers_do_not_keep_up(
    make: Make, server: WebsocketServer, flavour: str
) -> None:
    client = make()
    connection = connect(client, server)
    slow = Slow(client)
    sending = server.send_behind(EVENT, PLENTY)
    wait_until(lambda: connection.pause.waiting)
    sending.join(0.3)
    assert sending.is_alive()
    # Not what the server has sent: a system may take 32 MiB for a connection that nobody reads.
    assert client.client.eio.inbox._held < client_inbox.READ_MARK + 2 * PART
    slow.open()
    sending.join(DEADLINE)
    wait_until(lambda: len(slow.handled) == PLENTY)
    if flavour == "async":
        assert slow.handled == list(range(PLENTY))
    assert sorted(slow.handled) == list(range(PLENTY))


def test_polling_pauses_while_handlers_do_not_keep_up(
    make: Make, polling_server: PollingServer
) -> None:
    client = make()
    client.do("connect", polling_server.url, transports=["polling"], wait_timeout=DEADLINE)
    connection = client.client.eio._connection
    slow = Slow(client)
    for number in range(200):
        polling_server.payloads.put(EVENT.replace("{}", str(number)))
    wait_until(lambda: connection.pause.waiting)
    assert polling_server.polls < 100
    slow.open()
    wait_until(lambda: len(slow.handled) == 200)


def test_a_ping_behind_much_work_is_answered(
    make: Make, serve: Callable[[float], WebsocketServer], pool: ThreadPoolExecutor
) -> None:
    server = serve(1)
    client = make()
    connection = connect(client, server)
    slow = Slow(client)
    sending = server.send_behind(EVENT, 120)
    wait_until(lambda: connection.pause.waiting)
    sending.join(DEADLINE)  # the rest lies in the buffers of the system, or is read for the ping
    assert pool.submit(server.send, "2").result(DEADLINE) is None
    assert "3" in server.receive_until("3")
    slow.open()
    wait_until(lambda: len(slow.handled) == 120)


def test_silence_is_no_offence_while_we_do_not_read(
    make: Make,
    serve: Callable[[float], WebsocketServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_inbox, "READ_MARK", 1 << 20)
    monkeypatch.setattr(client_inbox, "READ_LIMIT", 2 << 20)
    server = serve(0.5)
    client = make()
    connection = connect(client, server)
    slow = Slow(client)
    sending = server.send_behind(EVENT, PLENTY)
    wait_until(lambda: client.client.eio.inbox.is_full and connection.pause.waiting)
    sending.join(1.5)  # for longer than both
    assert sending.is_alive()
    assert client.client.connected
    slow.open()
    sending.join(DEADLINE)
    server.send("2")
    wait_until(lambda: len(slow.handled) == PLENTY)
    assert server.receive_until("3")


def test_a_client_whose_reading_pauses_may_disconnect(
    make: Make, server: WebsocketServer, within: Callable[[float, float], None]
) -> None:
    client = make()
    connection = connect(client, server)
    slow = Slow(client)
    sending = server.send_behind(EVENT, PLENTY)
    wait_until(lambda: connection.pause.waiting)
    began = time.monotonic()
    threading.Timer(0.3, slow.open).start()  # the disconnect handler comes after those before it
    client.do("disconnect")
    within(time.monotonic() - began, 3)
    client.do_engine_wait()
    assert client.count("disconnect") == 1
    sending.join(DEADLINE)


def test_an_answer_is_read_while_handlers_do_not_keep_up(
    make: Make, server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    client = make()
    connection = connect(client, server)
    slow = Slow(client)
    sending = server.send_behind(EVENT, 150)
    wait_until(lambda: connection.pause.waiting)
    answer: Future[Any] = pool.submit(client.do, "call", "question", timeout=DEADLINE)
    assert server.receive_until('420["question"]')
    sending.join(DEADLINE)
    server.send('430["answer"]')
    assert answer.result(DEADLINE) == "answer"
    assert slow.handled == []
    slow.open()
    wait_until(lambda: len(slow.handled) == 150)


def test_handlers_that_wait_for_answers_do_not_wait_for_each_other(
    make: Make, server: WebsocketServer, flavour: str, pool: ThreadPoolExecutor
) -> None:
    client = make()
    connect(client, server)
    answers: list[int] = []
    if flavour == "sync":

        def part(number: int, text: str) -> None:
            answers.append(client.client.call("question", number, timeout=DEADLINE))

        client.client.on("part", part)
    else:

        async def part_async(number: int, text: str) -> None:
            answers.append(await client.client.call("question", number, timeout=DEADLINE))

        client.client.on("part", part_async)
    sending = server.send_behind(EVENT, 150)
    assert server.receive() == "40"
    asked = [server.receive() for _ in range(150)][::-1]  # all of them wait at the same time
    sending.join(DEADLINE)
    for question in asked:
        number = question[2:].partition("[")[0]
        server.send(f"43{number}[{number}]")
    wait_until(lambda: len(answers) == 150)
    assert sorted(answers) == list(range(150))


async def test_a_flood_of_small_messages_lets_others_have_turns(server: WebsocketServer) -> None:
    client = socketio.AsyncClient(reconnection=False)
    turns = 0
    begun: list[int] = []
    client.on("tiny", lambda: begun.append(turns))
    await client.connect(server.url, transports=["websocket"], wait_timeout=DEADLINE)
    sending = asyncio.ensure_future(asyncio.to_thread(server.send, *['42["tiny"]'] * 10_000))
    while len(begun) < 10_000:
        turns += 1
        await asyncio.sleep(0)
    most = max(begun.count(turn) for turn in set(begun))
    assert most <= 128
    await sending
    await client.disconnect()
    await client.eio.wait()


# -- simple clients ---------------------------------------------------------------------------


@pytest.fixture
def simple(
    flavour: str, loop_thread: LoopThread, server: WebsocketServer
) -> Iterator[Callable[..., Any]]:
    client: Any = (socketio.AsyncSimpleClient if flavour == "async" else socketio.SimpleClient)(
        reconnection=False
    )

    def do(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "client":
            return client
        result = getattr(client, name)(*args, **kwargs)
        return loop_thread.run(result) if flavour == "async" else result

    do("connect", server.url, transports=["websocket"], wait_timeout=DEADLINE)
    server.wait_accepted()
    inner = client.client
    yield do
    do("disconnect")
    if flavour == "async":
        loop_thread.run(inner.eio.wait())
    else:
        inner.eio.wait()


def test_a_simple_client_that_is_not_asked_pauses(
    simple: Callable[..., Any], server: WebsocketServer
) -> None:
    connection = simple("client").client.eio._connection
    sending = server.send_behind(EVENT, PLENTY)
    wait_until(lambda: connection.pause.waiting)
    assert len(simple("client").input_buffer) * PART < client_inbox.READ_MARK + 2 * PART
    received = [simple("receive", timeout=DEADLINE)[1] for _ in range(PLENTY)]
    assert received == list(range(PLENTY))
    sending.join(DEADLINE)


def test_a_simple_client_that_is_never_asked_may_still_call(
    simple: Callable[..., Any], server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    sending = server.send_behind(EVENT, 150)
    wait_until(lambda: simple("client").client.eio._connection.pause.waiting)
    answer = pool.submit(simple, "call", "question", timeout=DEADLINE)
    assert server.receive_until('420["question"]')
    sending.join(DEADLINE)
    server.send('430["answer"]')
    assert answer.result(DEADLINE) == "answer"


def test_an_emit_of_a_simple_client_waits_and_ends(
    simple: Callable[..., Any], server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    connection = simple("client").client.eio._connection

    def emit() -> int:
        for number in range(PLENTY):
            try:
                simple("emit", "part", (number, TEXT))
            except DisconnectedError:
                return number
        return PLENTY

    sent = pool.submit(emit)
    wait_stalled(connection)
    server.reset()
    assert sent.result(DEADLINE) < PLENTY


# -- handlers that hang -----------------------------------------------------------------------


def test_handlers_that_hang_take_nothing_that_others_need(
    make: Make, server: WebsocketServer, pool: ThreadPoolExecutor
) -> None:
    client = make()
    told: list[str] = []
    client.client.on("connect", lambda: told.append("connect"), namespace="/b")
    client.client.on("disconnect", lambda reason: told.append(reason), namespace="/b")
    slow = Slow(client)
    client.do("connect", server.url, transports=["websocket"], namespaces=["/", "/b"], wait=False)
    server.wait_accepted()
    client.wait_for("connect")
    server.send(*[f'42["part",{number},"text"]' for number in range(100)])
    client.do("emit", "question", callback=lambda answer: told.append(answer))
    server.receive_until('420["question"]')
    server.send('430["callback"]')
    wait_until(lambda: "callback" in told)
    answer = pool.submit(client.do, "call", "question", timeout=DEADLINE)
    server.receive_until('421["question"]')
    server.send('431["called"]')
    assert answer.result(DEADLINE) == "called"
    server.send('40/b,{"sid":"b"}')
    wait_until(lambda: "connect" in told)
    server.send("2")
    server.receive_until("3")
    server.send("41/b,")
    wait_until(lambda: "server disconnect" in told)
    assert slow.handled == []
    slow.open()
    wait_until(lambda: len(slow.handled) == 100)


def test_handlers_that_wait_for_room_let_others_run(
    make: Make, server: WebsocketServer, flavour: str, pool: ThreadPoolExecutor
) -> None:
    client = make()
    connection = connect(client, server)
    sent = pool.submit(emit_many, client)
    wait_stalled(connection)
    answered: list[int] = []
    if flavour == "sync":

        def part(number: int, text: str) -> None:
            client.client.emit("answer", TEXT * 20)
            answered.append(number)

        client.client.on("part", part)
    else:

        async def part_async(number: int, text: str) -> None:
            await client.client.emit("answer", TEXT * 20)
            answered.append(number)

        client.client.on("part", part_async)
    server.send(*[f'42["part",{number},"text"]' for number in range(100)], '42["other"]')
    client.wait_for("other")
    assert answered == []
    server.reset()
    assert sent.result(DEADLINE) < PLENTY
    client.wait_for("disconnect", "transport error")
