"""Handlers that hang take nothing that others need: threads under a real server."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from werkzeug.serving import make_server

import socketio

DEADLINE = 20.0
WORKERS = 8
SHARE = WORKERS // 4
HANGING = 100


class Hanging:
    """A server whose handlers of `hang` block without a word, and of `leave` likewise."""

    def __init__(self, **options: Any) -> None:
        self.gate = threading.Event()
        self.changed = threading.Condition()
        self.begun: list[str] = []
        self.left: list[str] = []
        self.sio = sio = socketio.Server(**{"handler_threads": WORKERS, **options})

        @sio.event
        def hang(sid: str) -> None:
            self.note(self.begun, sid)
            assert self.gate.wait(DEADLINE)

        @sio.event
        def whoami(sid: str) -> str:
            return sid

        @sio.event
        def echo(sid: str, data: Any) -> None:
            sio.emit("echo", data, to=sid)

        @sio.event
        def disconnect(sid: str, reason: str) -> None:
            self.note(self.left, sid)

        self.server = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def note(self, items: list[str], sid: str) -> None:
        with self.changed:
            items.append(sid)
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), (self.begun, self.left)

    def stop(self) -> None:
        self.gate.set()
        self.sio.eio.config.close_timeout = 0.2
        self.sio.shutdown()
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Hanging]]:
    with contextlib.ExitStack() as stack:

        def serve(**options: Any) -> Hanging:
            hanging = Hanging(**options)
            stack.callback(hanging.stop)
            return hanging

        yield serve


@pytest.fixture
def join(serve: object) -> Iterator[Callable[[Hanging], tuple[ClientConnection, str]]]:
    with contextlib.ExitStack() as stack:

        def join(hanging: Hanging) -> tuple[ClientConnection, str]:
            port = hanging.server.server_port
            url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
            websocket = stack.enter_context(connect(url, compression=None))
            websocket.recv(DEADLINE)
            websocket.send("40")
            answer = websocket.recv(DEADLINE)
            assert isinstance(answer, str) and answer.startswith("40")
            return websocket, json.loads(answer[2:])["sid"]

        yield join


Join = Callable[[Hanging], tuple[ClientConnection, str]]
Serve = Callable[..., Hanging]


def join_and_name(hanging: Hanging, join: Join) -> tuple[ClientConnection, socketio.Server, str]:
    client, sid = join(hanging)
    return client, hanging.sio, sid


def hang(client: ClientConnection) -> None:
    for _ in range(HANGING):
        client.send('42["hang"]')


def assert_is_served(client: ClientConnection, sio: socketio.Server, sid: str) -> None:
    for number in range(20):
        client.send(f'42["echo",{number}]')
        assert client.recv(DEADLINE) == f'42["echo",{number}]'
        client.send(f'42{number}["whoami"]')
        assert client.recv(DEADLINE) == f'43{number}["{sid}"]'
    answers: list[Any] = []
    answered = threading.Event()

    def call() -> None:
        answers.append(sio.call("question", to=sid, timeout=DEADLINE))
        answered.set()

    thread = threading.Thread(target=call)
    thread.start()
    question = client.recv(DEADLINE)
    assert isinstance(question, str)
    client.send(f'43{question[2 : question.index("[")]}["answer"]')
    assert answered.wait(DEADLINE)
    thread.join()
    assert answers == ["answer"]

    called_back = threading.Event()
    sio.emit("question", to=sid, callback=lambda *args: called_back.set())
    question = client.recv(DEADLINE)
    assert isinstance(question, str)
    client.send(f'43{question[2 : question.index("[")]}["answer"]')
    assert called_back.wait(DEADLINE)


def test_one_client_whose_handlers_hang_stops_no_stranger(serve: Serve, join: Join) -> None:
    hanging = serve()
    early, early_sid = join(hanging)
    client, sid = join(hanging)
    hang(client)
    hanging.wait_until(lambda: len(hanging.begun) >= SHARE)
    assert_is_served(early, hanging.sio, early_sid)
    for _ in range(5):
        assert_is_served(*join_and_name(hanging, join))
    # Those that hang are as many as the share, and what ran in the loop itself before that.
    assert len(hanging.begun) < HANGING
    hanging.gate.set()
    hanging.wait_until(lambda: hanging.begun == [sid] * HANGING)


def test_when_all_slots_are_taken_clients_come_and_go(serve: Serve, join: Join) -> None:
    hanging = serve()
    hanged = [join(hanging) for _ in range(2 * WORKERS // SHARE)]
    for client, _ in hanged:
        hang(client)
    hanging.wait_until(lambda: len(hanging.begun) >= WORKERS)
    stranger, stranger_sid = join(hanging)
    stranger.close()
    hanging.wait_until(lambda: stranger_sid in hanging.left)
    # One that hangs itself, and one that waits for a slot with events of its own.
    for client, sid in (hanged[0], hanged[-1]):
        hanging.sio.disconnect(sid)
        assert sid in hanging.left
        assert client.recv(DEADLINE) == "41"
    client, sid = hanged[1]
    client.close()
    hanging.wait_until(lambda: sid in hanging.left)


def test_who_hangs_after_a_wait_is_counted_too(serve: Serve, join: Join) -> None:
    hanging = serve()
    asleep = threading.Semaphore(0)
    awake = hanging.sio.eio.create_event()

    @hanging.sio.event
    def doze(sid: str) -> None:
        asleep.release()
        assert awake.wait(DEADLINE)
        hanging.note(hanging.begun, sid)
        assert hanging.gate.wait(DEADLINE)

    client, _ = join(hanging)
    for _ in range(HANGING):
        client.send('42["doze"]')
    for _ in range(HANGING):
        assert asleep.acquire(timeout=DEADLINE)
    awake.set()
    hanging.wait_until(lambda: len(hanging.begun) == HANGING)
    stranger, _ = join(hanging)
    hang(stranger)  # so that nothing of the stranger's runs in the loop itself
    assert_is_served(*join_and_name(hanging, join))
    hanging.gate.set()
    hanging.wait_until(lambda: len(hanging.begun) == 2 * HANGING)
    assert_is_served(*join_and_name(hanging, join))


def test_at_shutdown_disconnect_handlers_run_though_others_hang(serve: Serve, join: Join) -> None:
    hanging = serve(close_timeout=3)
    joined = [join(hanging) for _ in range(2 * WORKERS // SHARE)]
    for client, _ in joined:
        hang(client)
    hanging.wait_until(lambda: len(hanging.begun) >= WORKERS)
    hanging.sio.shutdown()
    assert sorted(hanging.left) == sorted(sid for _, sid in joined)
    assert not hanging.gate.is_set()


def test_order_is_kept_while_there_is_progress(serve: Serve, join: Join) -> None:
    """The disconnect handler comes after the events before it, however many wait."""
    hanging = serve()
    seen: list[Any] = []

    @hanging.sio.event
    def step(sid: str, number: int) -> None:
        time.sleep(0.001)  # as a query does, and shorter than what is taken for a wait
        seen.append(number)

    client, sid = join(hanging)
    for number in range(200):
        client.send(f'42["step",{number}]')
    client.send("41")
    hanging.wait_until(lambda: sid in hanging.left)
    assert sorted(seen) == list(range(200))


def test_no_more_handlers_run_at_once_than_there_are_workers() -> None:
    runtime = socketio.Server(handler_threads=WORKERS).eio.runtime
    begun = threading.Semaphore(0)
    may_end = threading.Semaphore(0)
    ended: list[int] = []
    most = 0
    lock = threading.Lock()
    running = 0

    def block(number: int) -> None:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        begun.release()
        assert may_end.acquire(timeout=DEADLINE)
        with lock:
            running -= 1
        ended.append(number)

    jobs = [runtime.create_lane().start(block, number) for number in range(3 * WORKERS)]
    for _ in jobs:
        assert begun.acquire(timeout=DEADLINE)
        may_end.release()
    for job in jobs:
        job.join(DEADLINE)
    runtime.close()
    assert sorted(ended) == list(range(3 * WORKERS))
    assert most <= WORKERS


def test_the_number_of_workers_is_an_option() -> None:
    with pytest.raises(TypeError, match=r"handler_threads= needs a number"):
        socketio.Server(handler_threads="many")
    with pytest.raises(ValueError, match=r"handler_threads= must be more than 0"):
        socketio.Server(handler_threads=0)


def test_callbacks_of_one_client_that_hang_stop_no_stranger(serve: Serve, join: Join) -> None:
    hanging = serve()
    client, sid = join(hanging)
    called: list[object] = []

    def hang_up(*args: object) -> None:
        hanging.note(called, sid)
        assert hanging.gate.wait(DEADLINE)

    for _ in range(HANGING):
        hanging.sio.emit("question", to=sid, callback=hang_up)
    for _ in range(HANGING):
        question = client.recv(DEADLINE)
        assert isinstance(question, str)
        client.send(f"43{question[2 : question.index('[')]}[]")
    hanging.wait_until(lambda: len(called) >= SHARE)
    for _ in range(3):
        assert_is_served(*join_and_name(hanging, join))
    assert len(called) < HANGING
    hanging.gate.set()
    hanging.wait_until(lambda: len(called) == HANGING)


def test_from_the_66th_blocked_handler_on_everybody_is_answered(serve: Serve, join: Join) -> None:
    """With the default number of workers, and clients that are strangers to each other."""
    hanging = serve(handler_threads=64)
    early = join_and_name(hanging, join)
    for _ in range(6):
        client, _ = join(hanging)
        for _ in range(12):
            client.send('42["hang"]')
    hanging.wait_until(lambda: len(hanging.begun) >= 64)
    # All slots are taken; who comes is let in, acks are heard, and who is to go is let go.
    newcomer, newcomer_sid = join(hanging)
    answered = threading.Event()
    hanging.sio.emit("question", to=newcomer_sid, callback=lambda: answered.set())
    question = newcomer.recv(DEADLINE)
    assert isinstance(question, str)
    newcomer.send(f"43{question[2 : question.index('[')]}[]")
    assert answered.wait(DEADLINE)
    hanging.sio.disconnect(newcomer_sid)
    assert newcomer_sid in hanging.left
    hanging.gate.set()
    hanging.wait_until(lambda: len(hanging.begun) == 72)
    assert_is_served(*early)


def test_a_handler_that_waits_for_its_client_holds_up_nobody_else() -> None:
    """It begins in the thread that reads for all websockets, and goes on in another one."""
    sio = socketio.Server(outbox_high_water=100_000)
    total = 300

    @sio.event
    def more(sid: str) -> None:
        for number in range(total):
            sio.emit("part", (number, "x" * 64_000), to=sid)

    @sio.event
    def echo(sid: str, data: Any) -> None:
        sio.emit("echo", data, to=sid)

    server = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"ws://127.0.0.1:{server.server_port}/socket.io/?EIO=4&transport=websocket"
    try:
        # The library reads a few messages ahead, and no more.
        with (
            connect(url, compression=None, max_queue=4) as slow,
            connect(url, compression=None) as other,
        ):
            for client in (slow, other):
                client.recv(DEADLINE)
                client.send("40")
                client.recv(DEADLINE)
            slow.send('42["more"]')
            end = time.monotonic() + DEADLINE
            while not sio.flow.waits:
                assert time.monotonic() < end
                time.sleep(0.001)
            for number in range(50):
                other.send(f'42["echo",{number}]')
                assert other.recv(DEADLINE) == f'42["echo",{number}]'
            assert sio.flow.waits < 5  # it waits still
            for number in range(total):
                message = str(slow.recv(DEADLINE))
                assert message.startswith(f'42["part",{number},')
            slow.send('42["echo","still there"]')
            assert slow.recv(DEADLINE) == '42["echo","still there"]'
    finally:
        sio.eio.config.close_timeout = 0.2
        sio.shutdown()
        server.shutdown()
        thread.join(5)
        server.server_close()
