"""Who waits for a client that takes less than it is sent, who does not, and who is cut."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import socketio
from socketio.protocol.engine import PACKET_COST, EnginePacket
from socketio.server.observers import ServerObserver
from socketio.testing.memory import (
    AsyncTestClient,
    MemoryTransport,
    TestClient,
)

DEADLINE = 20.0
MARK = 10_000
PART = "x" * 1000
LOW = MARK / 2


class Valve(MemoryTransport):
    """A connection that takes nothing before it is told to."""

    name = "valve"

    def send(self, packet: EnginePacket) -> None:
        with self.session.lock:
            self.session.enqueue(packet)

    def take(self, count: int = 1) -> list[EnginePacket]:
        """Take packets, as a client does that reads."""
        with self.session.lock:
            return [self.session.next_packet() for _ in range(min(count, self.waiting))]

    @property
    def waiting(self) -> int:
        return len(self.session.outbox)

    def drain(self) -> list[EnginePacket]:
        return self.take(self.waiting)


def shut(client: Any) -> Valve:
    """Put a valve before a client that is connected."""
    assert client.session is not None
    valve = client.session.transport = Valve(client.session, on_close=client._fail_waits)
    return valve


async def joined(sio: Any, **options: Any) -> tuple[AsyncTestClient, str, Valve]:
    client = AsyncTestClient(sio)
    sid = await client.connect()
    return client, sid, shut(client)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.001)


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# -- whoever sends to himself waits ---------------------------------------------------------------


async def test_a_handler_waits_for_its_own_client() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    sent: list[int] = []

    @sio.event
    async def more(sid: str) -> None:
        for number in range(100):
            await sio.emit("part", PART, to=sid)
            sent.append(number)

    client, _, valve = await joined(sio)
    client.emit("more")
    await turns()
    stopped = len(sent)
    assert valve.session.outbox_size > MARK
    assert valve.session.outbox_size <= MARK + 2 * len(PART)
    valve.take()  # that is above half of the mark
    await turns()
    assert len(sent) == stopped
    while len(sent) < 100:
        valve.take()
        await asyncio.sleep(0)
        assert valve.session.outbox_size <= MARK + 2 * len(PART)
    assert sio.flow.waits > 5
    assert not sio.eio.pressed or valve.session.outbox_size > LOW
    valve.drain()
    assert not sio.eio.pressed
    await sio.shutdown()


def test_a_handler_waits_for_its_own_client_in_threads() -> None:
    sio = socketio.Server(outbox_high_water=MARK)
    sent: list[int] = []

    @sio.event
    def more(sid: str) -> None:
        for number in range(100):
            sio.emit("part", PART, to=sid)
            sent.append(number)

    client = TestClient(sio)
    client.connect()
    valve = shut(client)
    client.emit("more")
    wait_for(lambda: sio.flow.waits)
    assert len(sent) < 15
    while len(sent) < 100:
        valve.take()
        time.sleep(0.0001)
        assert valve.session.outbox_size <= MARK + 2 * len(PART)
    sio.shutdown()


async def test_the_wait_ends_when_the_client_is_gone() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    ended: list[int] = []

    @sio.event
    async def more(sid: str) -> None:
        for _ in range(100):
            await sio.emit("part", PART, to=sid)
        ended.append(1)

    client, _, _ = await joined(sio)
    client.emit("more")
    await turns()
    assert not ended
    client.drop()
    await turns()
    assert ended
    assert not sio.eio.pressed
    await sio.shutdown()


def test_the_wait_in_a_thread_ends_when_the_client_is_gone() -> None:
    sio = socketio.Server(outbox_high_water=MARK)
    ended = threading.Event()

    @sio.event
    def more(sid: str) -> None:
        for _ in range(100):
            sio.emit("part", PART, to=sid)
        ended.set()

    client = TestClient(sio)
    client.connect()
    shut(client)
    client.emit("more")
    wait_for(lambda: sio.flow.waits)
    assert not ended.is_set()
    client.drop()
    assert ended.wait(DEADLINE)
    sio.shutdown()


async def test_answers_to_many_events_wait_for_their_client() -> None:
    """However many handlers of it have begun: they do not all go on at once."""
    sio = socketio.AsyncServer(outbox_high_water=MARK)

    @sio.event
    async def ask(sid: str, number: int) -> str:
        await sio.emit("part", (number, PART), to=sid)
        return PART

    client, _, valve = await joined(sio)
    for number in range(200):
        client._ask("ask", (number,), "/")
    taken: list[EnginePacket] = []
    for _ in range(10_000):
        if len(taken) == 400:
            break
        await asyncio.sleep(0)
        assert valve.session.outbox_size <= MARK + 3 * len(PART)
        taken += valve.take()
    events = [str(packet.data) for packet in taken if str(packet.data).startswith('2["part"')]
    assert [int(event.split(",")[1]) for event in events] == list(range(200))
    await sio.shutdown()
    client._fail_waits()


async def test_what_goes_to_others_too_is_sent_before_the_wait() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    told: list[int] = []

    @sio.event
    async def tell(sid: str) -> None:
        await sio.emit("part", PART)
        told.append(1)

    client, _, valve = await joined(sio)
    other = AsyncTestClient(sio)
    await other.connect()
    while valve.session not in sio.eio.pressed:
        valve.send(EnginePacket(4, PART))
        valve.session._check_outbox()
    client.emit("tell")
    assert (await other.receive())[0] == "part"
    await turns()
    assert not told
    valve.drain()
    await turns()
    assert told
    await sio.shutdown()


# -- others do not --------------------------------------------------------------------------------


async def test_who_sends_to_others_waits_for_nobody() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    ticks: list[int] = []
    started: list[Any] = []
    begin = asyncio.Event()

    async def tick() -> None:
        await begin.wait()
        for _ in range(500):
            await sio.emit("tick", PART)
            ticks.append(1)

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        # As many programs do: what a handler starts is not the handler.
        started.append(sio.start_background_task(tick))

    slow = AsyncTestClient(sio)
    await slow.connect()
    shut(slow)
    begin.set()
    async with asyncio.timeout(5):  # ten ms for each would be as much
        await until(lambda: len(ticks) == 500)
    assert slow.session is not None
    assert slow.session.outbox_size > 400 * len(PART)
    assert sio.flow.waits == 0
    assert sio.flow.turns > 100
    await sio.shutdown()


def test_who_sends_to_others_in_threads_waits_for_nobody() -> None:
    sio = socketio.Server(outbox_high_water=MARK)
    slow = TestClient(sio)
    slow.connect()
    valve = shut(slow)
    began = time.monotonic()
    for _ in range(500):
        sio.emit("tick", PART)
    assert time.monotonic() - began < 5
    assert valve.waiting == 500
    assert sio.flow.waits == 0
    sio.shutdown()


async def test_a_loop_of_emits_does_not_outrun_a_connection_that_takes_them() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    _, sid, valve = await joined(sio)
    taken = 0

    async def read() -> None:
        nonlocal taken
        while True:
            await asyncio.sleep(0)
            taken += len(valve.take())

    reader = asyncio.create_task(read())
    most = 0
    for _ in range(1000):
        await sio.emit("part", PART, to=sid)
        most = max(most, valve.session.outbox_size)
    assert most <= MARK + 2 * len(PART)
    assert taken > 900
    reader.cancel()
    await sio.shutdown()


async def test_a_call_waits_for_its_answer_and_for_nothing_else() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    outcome: list[str] = []

    @sio.event
    async def ask(sid: str) -> None:
        for _ in range(9):
            await sio.emit("part", PART, to=sid)
        try:
            await sio.call("question", PART * 10, to=sid, timeout=0.05)
        except socketio.exceptions.TimeoutError:
            outcome.append("no answer")

    client, _, valve = await joined(sio)
    client.emit("ask")
    await until(lambda: outcome)
    assert valve.waiting == 10
    await sio.shutdown()


# -- whoever wants to does ------------------------------------------------------------------------


async def test_wait_waits_for_each_recipient() -> None:
    sio = socketio.AsyncServer(outbox_high_water=MARK)
    _, one, valve = await joined(sio)
    _, two, other = await joined(sio)

    async def push() -> None:
        for _ in range(50):
            await sio.emit("part", PART, to=[one, two], wait=True)

    pushing = asyncio.create_task(push())
    await turns()
    assert valve.session.outbox_size <= MARK + 2 * len(PART)
    valve.drain()
    await turns()
    assert valve.waiting == 0  # the other one is as full as before
    while not pushing.done():
        valve.take()
        other.take()
        await asyncio.sleep(0)
        assert max(valve.session.outbox_size, other.session.outbox_size) <= MARK + 2 * len(PART)
    await sio.shutdown()


async def test_flushed() -> None:
    sio = socketio.AsyncServer()
    client, sid, valve = await joined(sio)
    assert await sio.flushed(sid)
    await sio.emit("part", PART, to=sid)
    with pytest.raises(socketio.exceptions.TimeoutError, match="still wait"):
        await sio.flushed(sid, timeout=0.01)
    waiting = asyncio.create_task(sio.flushed(sid))
    await turns()
    assert not waiting.done()
    valve.take()
    assert await waiting
    await sio.emit("part", PART, to=sid)
    waiting = asyncio.create_task(sio.flushed(sid))
    await turns()
    client.drop()
    assert await waiting is False
    assert await sio.flushed("nobody") is False
    await sio.shutdown()


def test_flushed_and_wait_in_threads() -> None:
    sio = socketio.Server(outbox_high_water=MARK)
    client = TestClient(sio)
    sid = client.connect()
    valve = shut(client)
    done = threading.Event()

    def push() -> None:
        for _ in range(50):
            sio.emit("part", PART, to=sid, wait=True)
        assert sio.flushed(sid)
        done.set()

    thread = sio.start_background_task(push)
    wait_for(lambda: sio.flow.waits)
    with pytest.raises(socketio.exceptions.TimeoutError):
        sio.flushed(sid, timeout=0.01)
    while not done.is_set():
        valve.take()
        assert valve.session.outbox_size <= MARK + 2 * len(PART)
        time.sleep(0.0001)
    thread.join(DEADLINE)
    assert valve.waiting == 0
    sio.shutdown()


# -- who is cut -----------------------------------------------------------------------------------


class Watching(ServerObserver):
    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.closed: list[str] = []

    def client_slow(self, session: Any, what: str, count: int) -> None:
        self.told.append((what, count))

    def session_closed(self, session: Any, reason: str) -> None:
        self.closed.append(reason)


async def test_a_client_that_takes_nothing_is_cut_and_one_that_takes_little_is_not() -> None:
    sio = socketio.AsyncServer(stall_timeout=0.2)
    watching = Watching()
    sio.observers.append(watching)
    stalled, _, valve = await joined(sio)
    slow, _, trickle = await joined(sio)
    for _ in range(200):
        await sio.emit("part", PART)
    began = time.monotonic()
    while stalled.reason is None:
        assert time.monotonic() - began < DEADLINE
        trickle.take()
        await asyncio.sleep(0.02)
    assert stalled.reason == "transport error"
    assert valve.session.outbox_size == 0
    assert time.monotonic() - began >= 0.2
    for _ in range(20):
        trickle.take()
        await asyncio.sleep(0.02)
    assert slow.reason is None
    assert watching.told == [("stalled", 1)]
    assert watching.closed == ["transport error"]
    assert sio.flow.stalled == 1
    await until(lambda: slow.reason)
    await sio.shutdown()


def test_a_client_that_takes_nothing_is_cut_in_threads() -> None:
    sio = socketio.Server(stall_timeout=0.1)
    gone = threading.Event()

    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        assert reason == "transport error"
        gone.set()

    client = TestClient(sio)
    client.connect()
    valve = shut(client)
    sio.emit("part", PART)
    assert gone.wait(DEADLINE)
    assert valve.waiting == 0
    assert sio.flow.stalled == 1
    sio.shutdown()


async def test_a_long_message_that_leaves_bit_by_bit_is_progress() -> None:
    sio = socketio.AsyncServer(stall_timeout=0.1)
    client, _, valve = await joined(sio)
    left = 1_000_000
    valve.unsent = lambda: left  # type: ignore[method-assign]  # of a connection
    await sio.emit("part", PART)
    for _ in range(30):
        left -= 1000
        await asyncio.sleep(0.01)
    assert client.reason is None
    await until(lambda: client.reason)
    await sio.shutdown()


async def test_what_the_web_server_sends_besides_is_no_progress() -> None:
    """Such as pings of its own, behind what the client does not take."""
    sio = socketio.AsyncServer(stall_timeout=0.1)
    client, _, valve = await joined(sio)
    unsent = 1000
    valve.unsent = lambda: unsent  # type: ignore[method-assign]  # of a connection
    await sio.emit("part", PART)
    async with asyncio.timeout(DEADLINE):
        while client.reason is None:
            unsent += 6
            await asyncio.sleep(0.01)
    assert sio.flow.stalled == 1
    await sio.shutdown()


async def fill(sio: Any, sid: str, count: int) -> None:
    for number in range(count):
        await sio.emit("position" if number % 2 else "score", (number, "x" * 800), to=sid)


def numbers(packets: list[EnginePacket], name: str) -> list[int]:
    events = [str(packet.data) for packet in packets]
    return [int(event.split(",")[1]) for event in events if event.startswith(f'2["{name}"')]


@pytest.mark.parametrize("policy", ["drop_new", "drop_old", "latest"])
async def test_events_are_dropped_instead(policy: str) -> None:
    sio = socketio.AsyncServer(
        max_outbox_size=MARK, slow_client_policy=policy, engineio_logger=False
    )
    watching = Watching()
    sio.observers.append(watching)

    client, sid, valve = await joined(sio)
    await fill(sio, sid, 100)
    assert client.reason is None
    assert valve.session.outbox_size <= MARK
    await until(lambda: watching.told)
    dropped = getattr(sio.flow, policy)
    assert sum(count for _, count in watching.told) == dropped
    assert {what for what, _ in watching.told} == {policy}
    packets = valve.drain()
    assert valve.session.outbox_size == 0
    assert len(packets) + dropped == 100
    scores, positions = numbers(packets, "score"), numbers(packets, "position")
    left = sorted(scores + positions)
    if policy == "drop_new":
        assert left == list(range(len(left)))
    elif policy == "drop_old":
        assert left == list(range(100 - len(left), 100))
        assert len(left) > 5
    else:
        assert (scores[-1], positions[-1]) == (98, 99)
    await sio.shutdown()


@pytest.mark.parametrize("policy", ["drop_new", "drop_old", "latest"])
async def test_what_must_arrive_is_not_dropped(policy: str) -> None:
    """Acks, events that ask for one, and the second half of an event that has begun to leave."""
    sio = socketio.AsyncServer(max_outbox_size=MARK, slow_client_policy=policy)

    @sio.event
    async def ask(sid: str) -> str:
        return "answer"

    client, sid, valve = await joined(sio)
    await sio.emit("blob", b"first", to=sid)
    assert len(valve.take()) == 1
    client._ask("ask", (), "/")
    await sio.emit("asked", "?", to=sid, callback=print)
    for number in range(50):
        await sio.emit("blob", (number, b"y" * 400, b"z" * 400), to=sid)
    assert client.reason is None
    packets = [packet.data for packet in valve.drain()]
    assert packets[0] == b"first"
    assert '30["answer"]' in packets
    assert '20["asked","?"]' in packets
    del packets[:3]
    assert 2 <= len(packets) / 3 < 20
    for index in range(0, len(packets), 3):
        assert str(packets[index]).startswith("52-")
        assert (packets[index + 1], packets[index + 2]) == (b"y" * 400, b"z" * 400)
    await sio.shutdown()
    client._fail_waits()


@pytest.mark.parametrize("policy", ["drop_new", "drop_old", "latest"])
async def test_a_client_is_cut_for_what_cannot_be_dropped(policy: str) -> None:
    sio = socketio.AsyncServer(max_outbox_size=MARK, slow_client_policy=policy)
    client, sid, _ = await joined(sio)
    for _ in range(20):
        await sio.emit("asked", PART, to=sid, callback=print)
    assert client.reason == "transport error"
    assert sio.flow.overflowed == 1
    await sio.shutdown()


def test_events_are_dropped_in_threads() -> None:
    sio = socketio.Server(max_outbox_size=MARK, slow_client_policy="latest")
    client = TestClient(sio)
    client.connect()
    valve = shut(client)
    threads = [
        threading.Thread(
            target=lambda: [sio.emit("blob", (b"y" * 300, b"z" * 300)) for _ in range(200)]
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert client.reason is None
    packets = [packet.data for packet in valve.drain()]
    assert len(packets) % 3 == 0
    assert [type(data) for data in packets] == [str, bytes, bytes] * (len(packets) // 3)
    assert sio.flow.latest == 600 - len(packets) // 3
    sio.shutdown()


# -- what waits is counted at what it costs -------------------------------------------------------


async def test_small_packets_count_for_what_they_cost() -> None:
    sio = socketio.AsyncServer(max_outbox_size=100_000)

    @sio.event
    async def ask(sid: str) -> str:
        return ""

    client, _, valve = await joined(sio)
    most = 0
    for number in range(5000):
        if client.reason is not None:
            break
        valve.send(EnginePacket(4, f"3{number}[]"))
        valve.session._check_outbox()
        most = max(most, valve.waiting)
    assert client.reason == "transport error"
    assert most < 100_000 / PACKET_COST + 2
    await sio.shutdown()


def test_text_counts_for_its_bytes() -> None:
    assert EnginePacket(4, "a" * 99).cost == 100 + PACKET_COST
    assert EnginePacket(4, "\N{SNOWMAN}" * 99).cost == 4 * 100 + PACKET_COST
    assert EnginePacket(4, b"a" * 100).cost == 100 + PACKET_COST


async def test_a_ping_goes_before_what_waits() -> None:
    sio = socketio.AsyncServer(ping_interval=0.05, ping_timeout=60)
    _, sid, valve = await joined(sio)
    for _ in range(5):
        await sio.emit("part", PART, to=sid)
    await until(lambda: valve.waiting == 6)
    assert valve.take()[0].websocket == "2"
    await sio.shutdown()


# -- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outbox_high_water": 0}, "outbox_high_water= must be more than 0"),
        ({"outbox_high_water": "1 MiB"}, "outbox_high_water= needs a number"),
        ({"stall_timeout": 0}, "stall_timeout= must be more than 0"),
        ({"slow_client_policy": "drop"}, "one of 'close', 'drop_new', 'drop_old', 'latest'"),
    ],
)
def test_wrong_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        socketio.AsyncServer(**options)


async def test_the_mark_is_below_the_bound() -> None:
    sio = socketio.AsyncServer(max_outbox_size=1000)
    assert sio.eio.config.outbox_mark == 500
    assert sio.eio.outbox_high_water == 1 << 20
    everything = float("inf")
    sio = socketio.AsyncServer(
        max_outbox_size=everything, outbox_high_water=everything, stall_timeout=everything
    )
    _, sid, valve = await joined(sio)
    await sio.emit("part", PART, to=sid)
    assert valve.waiting == 1
    await sio.shutdown()
