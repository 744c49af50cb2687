"""The threading runtime: order, overlap, bounds, and no deadlock."""

from __future__ import annotations

import gc
import logging
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from socketio.runtimes.threads import lanes
from socketio.runtimes.threads.lanes import InPlace, Lane
from socketio.runtimes.threads.primitives import THREADS
from socketio.runtimes.threads.runtime import ThreadingRuntime
from socketio.runtimes.threads.socket_loop import READ, WRITE
from socketio.runtimes.threads.waits import waiting

DEADLINE = 10.0


@pytest.fixture
def runtime() -> Iterator[ThreadingRuntime]:
    runtime = ThreadingRuntime()
    yield runtime
    runtime.close()


class Log:
    """What happened, in order, and how to wait for it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = threading.Condition()

    def add(self, item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.items) >= count, DEADLINE), self.items
            return list(self.items)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)  # there is no event for what goes on inside


# -- lanes ------------------------------------------------------------------------------------


def test_functions_of_a_lane_begin_in_order(runtime: ThreadingRuntime) -> None:
    log = Log()
    lanes = [runtime.create_lane() for _ in range(8)]
    for number in range(500):
        for index, lane in enumerate(lanes):
            lane.start(log.add, (index, number))
    items = log.wait_for(8 * 500)
    for index in range(8):
        assert [number for lane, number in items if lane == index] == list(range(500))


def test_start_begins_in_order_too(runtime: ThreadingRuntime) -> None:
    log = Log()
    for number in range(500):
        runtime.start(log.add, number)
    assert log.wait_for(500) == list(range(500))


def test_what_sleeps_lets_the_next_begin_at_once(runtime: ThreadingRuntime) -> None:
    log = Log()
    woken = threading.Event()

    def sleeper() -> None:
        log.add("first begins")
        ends = runtime.now() + DEADLINE
        while "second" not in log.items and runtime.now() < ends:
            runtime.sleep(0.05)
        log.add("first ends")
        woken.set()

    lane = runtime.create_lane()
    lane.start(sleeper)
    lane.start(log.add, "second")
    assert log.wait_for(3) == ["first begins", "second", "first ends"]
    assert woken.wait(DEADLINE)


def test_what_waits_without_a_word_lets_the_next_begin_soon(runtime: ThreadingRuntime) -> None:
    log = Log()
    gate = threading.Event()

    def blocked() -> None:
        log.add("first begins")
        assert gate.wait(DEADLINE)
        log.add("first ends")

    lane = runtime.create_lane()
    lane.start(blocked)
    lane.start(log.add, "second")
    lane.start(log.add, "third")
    assert log.wait_for(3) == ["first begins", "second", "third"]
    gate.set()
    assert log.wait_for(4)[3] == "first ends"


def test_a_lane_goes_on_after_an_error(
    runtime: ThreadingRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()
    lane = runtime.create_lane()

    def broken() -> None:
        raise RuntimeError("a bug")

    def leaver() -> None:
        raise SystemExit

    with caplog.at_level(logging.ERROR):
        lane.start(broken)
        lane.start(leaver)
        lane.start(log.add, "after")
        log.wait_for(1)
        wait_until(lambda: "a bug" in caplog.text)
    reported = [record for record in caplog.records if record.name.startswith("socketio")]
    assert [record.exc_info[1].args for record in reported if record.exc_info] == [("a bug",)]  # type: ignore[union-attr]  # it has one


def test_join(runtime: ThreadingRuntime) -> None:
    gate = threading.Event()
    job = runtime.create_lane().start(gate.wait, DEADLINE)
    assert job is not None
    job.join(0.02)
    assert not job.done
    gate.set()
    job.join()
    assert job.done
    job.join()


def test_a_function_may_join_what_comes_after_it_in_its_lane(runtime: ThreadingRuntime) -> None:
    log = Log()
    lane = runtime.create_lane()

    def first() -> None:
        job = lane.start(log.add, "second")
        assert job is not None
        job.join(DEADLINE)
        log.add("first ends")

    lane.start(first)
    assert log.wait_for(2) == ["second", "first ends"]


def test_each_function_has_its_own_context(runtime: ThreadingRuntime) -> None:
    import contextvars

    variable = contextvars.ContextVar("variable", default="unset")
    log = Log()

    def set_it() -> None:
        log.add(variable.get())
        variable.set("set")

    lane = runtime.create_lane()
    for _ in range(5):
        lane.start(set_it)
    assert log.wait_for(5) == ["unset"] * 5


# -- series -----------------------------------------------------------------------------------


def test_functions_of_a_series_do_not_overlap(runtime: ThreadingRuntime) -> None:
    log = Log()
    series = runtime.create_series()

    def slow(number: int) -> None:
        log.add(("begins", number))
        runtime.sleep(0.06)  # longer than it takes to be noticed
        log.add(("ends", number))

    for number in range(3):
        started = series.start(slow, number)
        assert started is not None
        started.add_done_callback(lambda _, number=number: log.add(("ended", number)))
    expected = [(what, number) for number in range(3) for what in ("begins", "ends", "ended")]
    assert log.wait_for(9) == expected


def test_a_callback_of_what_has_ended_is_called_at_once(runtime: ThreadingRuntime) -> None:
    log = Log()
    job = runtime.create_series().start(log.add, "ran")
    assert job is not None
    job.join(DEADLINE)
    job.add_done_callback(log.add)
    assert log.items == ["ran", job]


# -- the pool ---------------------------------------------------------------------------------


def test_running_functions_are_bounded() -> None:
    runtime = ThreadingRuntime(max_running=4)
    gate = threading.Event()
    log = Log()

    def blocked() -> None:
        log.add("begins")
        assert gate.wait(DEADLINE)

    for _ in range(20):
        runtime.create_lane().start(blocked)
    log.wait_for(4)
    wait_until(lambda: not runtime.scheduler.running)  # all have been seen to wait
    assert len(log.items) == 4
    gate.set()
    log.wait_for(20)
    assert runtime._handlers.threads <= 4
    runtime.close()


def test_many_functions_share_few_threads(runtime: ThreadingRuntime) -> None:
    threads = Log()
    for _ in range(300):
        job = runtime.create_lane().start(lambda: threads.add(threading.get_ident()))
        assert job is not None
        job.join(DEADLINE)
    assert len(set(threads.wait_for(300))) < 10


def test_a_pool_full_of_waiting_functions_goes_on() -> None:
    """As when every handler is in `call()` and the answers need handlers to be given."""
    runtime = ThreadingRuntime(max_running=2)
    log = Log()
    waiters = [runtime.create_waiter() for _ in range(30)]

    def ask(number: int) -> None:
        log.add(("answer", waiters[number].wait(DEADLINE)))

    def answer(number: int) -> None:
        waiters[number].set(number)

    for number in range(30):
        runtime.create_lane().start(ask, number)
    for number in range(30):
        runtime.create_lane().start(answer, number)
    assert sorted(log.wait_for(30)) == [("answer", number) for number in range(30)]
    runtime.close()


def test_waiting_threads_are_bounded_and_answers_come_all_the_same() -> None:
    runtime = ThreadingRuntime(max_running=2, max_threads=5)
    log = Log()
    waiters = [runtime.create_waiter() for _ in range(20)]
    begun = Log()

    def ask(number: int) -> None:
        begun.add(number)
        log.add(waiters[number].wait(DEADLINE))

    for number in range(20):
        runtime.create_lane().start(ask, number)
    begun.wait_for(5)
    assert runtime._handlers.threads <= 5
    for number in range(20):
        # Acks are the runtime's own, and need no handler's thread.
        runtime.start(waiters[number].set, number)
    assert sorted(log.wait_for(20)) == list(range(20))
    runtime.close()


def test_events_are_places_to_wait_too() -> None:
    runtime = ThreadingRuntime(max_running=1)
    event = runtime.create_event()
    log = Log()

    def wait() -> None:
        log.add(event.wait(DEADLINE))

    runtime.create_lane().start(wait)
    runtime.create_lane().start(event.set)
    assert log.wait_for(1) == [True]
    assert event.is_set() and event.wait(0)
    event.clear()
    assert not event.wait(0.001)
    runtime.close()


def test_waiting_from_outside_of_every_runtime() -> None:
    with waiting():
        pass
    runtime = ThreadingRuntime(max_running=1)
    log = Log()
    gate = threading.Event()

    def wait() -> None:
        with waiting():
            log.add(gate.wait(DEADLINE))

    runtime.create_lane().start(wait)
    runtime.create_lane().start(gate.set)
    assert log.wait_for(1) == [True]
    runtime.close()


# -- waiters ----------------------------------------------------------------------------------


def test_a_waiter_gives_its_first_value(runtime: ThreadingRuntime) -> None:
    waiter = runtime.create_waiter()
    waiter.set("first")
    waiter.set("second")
    waiter.fail(RuntimeError("late"))
    assert waiter.wait() == "first"
    assert waiter.wait(0) == "first"


def test_a_waiter_raises(runtime: ThreadingRuntime) -> None:
    waiter = runtime.create_waiter()
    waiter.fail(KeyError("gone"))
    waiter.set("late")
    with pytest.raises(KeyError, match="gone"):
        waiter.wait()


@pytest.mark.parametrize("timeout", [0.01, 0, -1])
def test_a_waiter_times_out_and_may_be_asked_again(
    runtime: ThreadingRuntime, timeout: float
) -> None:
    waiter = runtime.create_waiter()
    with pytest.raises(TimeoutError):
        waiter.wait(timeout)
    waiter.set(1)
    assert waiter.wait(timeout) == 1


# -- timers -----------------------------------------------------------------------------------


def test_timers_are_due_in_order(runtime: ThreadingRuntime) -> None:
    log = Log()
    began = runtime.now()

    def begin() -> None:  # in the timers' thread: nothing is due before all are there
        for delay in (0.06, 0.02, 0.04, 0):
            due = began + delay - runtime.now()  # whatever time has passed since the one before
            runtime.call_later(due, lambda delay=delay: log.add((delay, runtime.now() - began)))

    runtime.call_later(0, begin)
    items = log.wait_for(4)
    assert [delay for delay, _ in items] == [0, 0.02, 0.04, 0.06]
    assert all(after >= delay for delay, after in items)


def test_a_cancelled_timer_is_never_due(runtime: ThreadingRuntime) -> None:
    log = Log()

    def begin() -> None:  # in the timers' thread: nothing is due before this has ended
        runtime.call_later(0, log.add, "cancelled").cancel()
        kept = runtime.call_later(0, log.add, "kept")
        runtime.call_later(0, kept.cancel)

    runtime.call_later(0, begin)
    assert log.wait_for(1) == ["kept"]


def test_timers_go_on_after_an_error(
    runtime: ThreadingRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()

    def broken() -> None:
        raise RuntimeError("a bug")

    runtime.call_later(0, broken)
    runtime.call_later(0.01, log.add, "after")
    log.wait_for(1)
    assert "unhandled error in timer" in caplog.text


def test_no_timer_is_due_after_close(runtime: ThreadingRuntime) -> None:
    log = Log()

    def end() -> None:  # in the timers' thread: nothing is due before this has ended
        runtime.call_later(0, log.add, "closed")
        runtime.close()
        runtime.call_later(0, log.add, "closed")
        log.add("end")

    runtime.call_later(0, end)
    log.wait_for(1)
    other = ThreadingRuntime()
    other.call_later(0.05, log.add, "open")
    assert log.wait_for(2) == ["end", "open"]
    other.close()


# -- the rest ---------------------------------------------------------------------------------


def test_idle_threads_end_with_the_runtime() -> None:
    runtime = ThreadingRuntime()
    threads = Log()
    for _ in range(5):
        runtime.create_lane().start(lambda: threads.add(threading.current_thread()))
        runtime.start(lambda: threads.add(threading.current_thread()))
    runtime.call_later(0, lambda: threads.add(threading.current_thread()))
    threads.wait_for(11)
    assert runtime.wait_idle(DEADLINE)
    runtime.close()
    for thread in threads.items:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    # A handler that comes late still runs.
    job = runtime.create_lane().start(threads.add, "late")
    assert job is not None
    job.join(DEADLINE)
    assert threads.items[-1] == "late"


def test_a_background_task_is_a_thread(runtime: ThreadingRuntime) -> None:
    log = Log()
    thread = runtime.start_background_task(lambda *args, **names: log.add((args, names)), 1, a=2)
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert thread.daemon
    assert log.items == [((1,), {"a": 2})]


def test_queues_are_the_standard_ones(runtime: ThreadingRuntime) -> None:
    assert isinstance(runtime.create_queue(), queue.Queue)


def test_locks_can_be_taken_twice(runtime: ThreadingRuntime) -> None:
    lock = runtime.create_lock()
    with lock, lock:
        pass


def test_wait_idle(runtime: ThreadingRuntime) -> None:
    gate = threading.Event()
    runtime.create_lane().start(gate.wait, DEADLINE)
    assert not runtime.wait_idle(0.05)
    gate.set()
    assert runtime.wait_idle(DEADLINE)


def test_in_place_is_paid_back() -> None:
    account = InPlace()
    assert all(account.allowed() for _ in range(100))
    account.lost(0.001)
    refused = [account.allowed() for _ in range(40)]
    assert refused.count(False) == 20
    assert refused[-1]
    account.lost(1000)
    assert sum(not account.allowed() for _ in range(50_000)) == pytest.approx(20_000, abs=2)


# -- the socket loop --------------------------------------------------------------------------


class Lines:
    """A connection of the loop: each byte is a message, and is handed to a function."""

    def __init__(self, runtime: ThreadingRuntime, receive: Callable[[int], Any]) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.closed = False
        self.messages: deque[Any] = deque()
        self.behind = self.paused = False
        self.gone = threading.Event()
        self._receive = receive
        self._loop = runtime.socket_loop
        self._loop.register(self, READ)

    def fileno(self) -> int:
        return self.ours.fileno()

    def read(self) -> None:
        data = self.ours.recv(1000)
        if data:
            self.messages.extend(data)
        else:
            self.finish()

    def write_more(self) -> bool:
        return True

    def deliver(self, message: Any) -> None:
        self._receive(message)

    def finish(self) -> None:
        self.closed = True
        self._loop.register(self, 0)

    def forgotten(self) -> None:
        self.gone.set()

    def close(self) -> None:
        self.theirs.close()
        assert self.gone.wait(DEADLINE)
        self.ours.close()


@pytest.fixture
def connect(runtime: ThreadingRuntime) -> Iterator[Callable[..., Lines]]:
    connections: list[Lines] = []

    def connect(receive: Callable[[int], Any]) -> Lines:
        connections.append(Lines(runtime, receive))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


def test_a_connection_that_is_late_is_forgotten_and_leaves_nothing_open() -> None:
    runtime = ThreadingRuntime()
    runtime.close()
    line = Lines(runtime, print)
    assert line.gone.wait(DEADLINE)
    line.close()
    del line, runtime
    gc.collect()  # an open socket of the loop would be reported here


def test_quick_functions_run_in_the_loop_itself(
    runtime: ThreadingRuntime, connect: Callable[..., Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a machine that is busy any function may be taken for a slow one.
    monkeypatch.setattr(lanes, "SLOW", DEADLINE)
    log = Log()
    lane = runtime.create_lane()
    results = Log()

    def receive(message: int) -> None:
        results.add(lane.start(log.add, (message, threading.get_ident())))

    connection = connect(receive)
    connection.theirs.send(bytes(range(100)))
    items = log.wait_for(100)
    assert [message for message, _ in items] == list(range(100))
    assert results.wait_for(100).count(None) > 50


def test_a_function_that_waits_in_the_loop_stops_nobody(
    runtime: ThreadingRuntime, connect: Callable[..., Lines]
) -> None:
    log = Log()
    answer = runtime.create_waiter()
    lanes = [runtime.create_lane() for _ in range(3)]

    def ask(number: int) -> None:
        log.add("asked")
        log.add(("answered", answer.wait(DEADLINE)))

    first = connect(lambda message: lanes[0].start(ask, message))
    second = connect(lambda message: lanes[1].start(log.add, message))
    third = connect(answer.set)
    first.theirs.send(b"\1")
    log.wait_for(1)
    second.theirs.send(b"\2")
    log.wait_for(2)
    third.theirs.send(b"\3")
    assert log.wait_for(3) == ["asked", 2, ("answered", 3)]


def test_a_function_that_blocks_in_the_loop_stops_nobody_for_long(
    runtime: ThreadingRuntime, connect: Callable[..., Lines]
) -> None:
    """What came with the blocking message is dealt with too, in order."""
    log = Log()
    gate = threading.Event()
    lane = runtime.create_lane()

    def receive(message: int) -> None:
        lane.start(block if message == 0 else log.add, message)

    def block(message: int) -> None:
        log.add("blocked")
        assert gate.wait(DEADLINE)
        log.add("free")

    connection = connect(receive)
    other = connect(lambda message: runtime.create_lane().start(log.add, ("other", message)))
    connection.theirs.send(bytes(range(10)))
    log.wait_for(1)
    other.theirs.send(b"\7")
    items = log.wait_for(11)
    assert ("other", 7) in items
    assert [item for item in items if isinstance(item, int)] == list(range(1, 10))
    gate.set()
    assert log.wait_for(12)[-1] == "free"


def test_the_loop_itself_may_be_blocked(
    runtime: ThreadingRuntime, connect: Callable[..., Lines]
) -> None:
    """By whatever is called without a lane: other connections go on, this one keeps its order."""
    log = Log()
    gate = threading.Event()

    def receive(message: int) -> None:
        if message == 0:
            log.add("blocked")
            assert gate.wait(DEADLINE)
        log.add(message)

    connection = connect(receive)
    other = connect(log.add)
    connection.theirs.send(bytes(range(3)))
    log.wait_for(1)
    for number in range(100, 104):
        connection.theirs.send(bytes((number - 97,)))  # it is readable, and must not be read
        other.theirs.send(bytes((number,)))
        log.wait_for(number - 98)
    assert log.items == ["blocked", 100, 101, 102, 103]
    gate.set()
    assert log.wait_for(12)[5:] == list(range(7))


def test_a_message_is_not_overtaken_before_its_function_has_begun(
    runtime: ThreadingRuntime, connect: Callable[..., Lines]
) -> None:
    """The system may stop the thread that leads between reading a message and starting it."""
    log = Log()
    gate = threading.Event()
    handed_over = threading.Event()
    lane = runtime.create_lane()

    def receive(message: int) -> None:
        if message == 0:
            assert gate.wait(DEADLINE)
        lane.start(log.add, message)

    connection = connect(receive)
    other = connect(lambda message: handed_over.set())
    connection.theirs.send(bytes(range(5)))
    other.theirs.send(b"\1")
    assert handed_over.wait(DEADLINE)  # by now another thread leads
    assert log.items == []
    gate.set()
    assert log.wait_for(5) == list(range(5))


def test_what_a_stopped_connection_has_to_write_is_written(runtime: ThreadingRuntime) -> None:
    gate = threading.Event()
    log = Log()

    class Writer(Lines):
        def write_more(self) -> bool:
            log.add("written")
            return True

    def receive(message: int) -> None:
        log.add(message)
        if message == 0:
            assert gate.wait(DEADLINE)

    writer = Writer(runtime, receive)
    writer.theirs.send(b"\0")
    log.wait_for(1)
    other = Lines(runtime, log.add)
    other.theirs.send(b"\7")
    log.wait_for(2)
    writer.theirs.send(b"\1")
    runtime.socket_loop.register(writer, READ | WRITE)
    assert log.wait_for(3) == [0, 7, "written"]
    gate.set()
    wait_until(lambda: 1 in log.items)
    for connection in (writer, other):
        connection.close()


def test_an_error_in_the_loop_is_reported_and_harms_nobody(
    runtime: ThreadingRuntime, connect: Callable[..., Lines], caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()

    def receive(message: int) -> None:
        if message == 0:
            raise RuntimeError("a bug")
        log.add(message)

    connection = connect(receive)
    connection.theirs.send(b"\0\1")
    assert log.wait_for(1) == [1]
    wait_until(lambda: "a bug" in caplog.text)


def test_the_loop_ends_with_the_last_connection_and_begins_again(
    runtime: ThreadingRuntime,
) -> None:
    log = Log()
    for _ in range(3):
        connection = Lines(runtime, log.add)
        connection.theirs.send(b"\1")
        log.wait_for(1)
        connection.close()
        wait_until(lambda: not runtime._readers.running)
    assert log.items == [1, 1, 1]


def test_a_socket_that_somebody_else_closes_stops_nobody(
    runtime: ThreadingRuntime, connect: Callable[..., Lines]
) -> None:
    log = Log()
    friend, broken, late = (connect(log.add) for _ in range(3))
    for connection in (broken, late):
        connection.theirs.send(b"\1")
    log.wait_for(2)
    for connection in (broken, late):
        connection.ours.close()  # as a web server does that gives up its thread
    broken.finish()
    runtime.socket_loop.register(late, READ | WRITE)
    assert broken.gone.wait(DEADLINE)
    assert late.gone.wait(DEADLINE)
    friend.theirs.send(b"\2")
    assert log.wait_for(3) == [1, 1, 2]


def test_finish_all(runtime: ThreadingRuntime) -> None:
    connections = [Lines(runtime, print) for _ in range(5)]
    wait_until(lambda: len(runtime.socket_loop._connections) == 5)
    runtime.abort_sockets()
    for connection in connections:
        assert connection.gone.wait(DEADLINE)
        connection.theirs.close()
        connection.ours.close()


def test_nothing_is_registered_after_close() -> None:
    runtime = ThreadingRuntime()
    loop = runtime.socket_loop
    runtime.close()
    connection = Lines(runtime, print)
    assert runtime.socket_loop is loop
    assert connection.gone.is_set()
    connection.close()


# -- other primitives -------------------------------------------------------------------------


def test_the_runtime_takes_other_primitives() -> None:
    """Greenlets bring their own; here threads that are counted."""
    from dataclasses import replace

    spawned = Log()

    def spawn(function: Callable[[], None], name: str) -> None:
        spawned.add(name)
        THREADS.spawn(function, name)

    runtime = ThreadingRuntime(replace(THREADS, spawn=spawn, socket_loop=False))
    log = Log()
    lane = runtime.create_lane()
    assert isinstance(lane, Lane)
    lane.start(log.add, "lane")
    runtime.call_later(0, log.add, "timer")
    log.wait_for(2)
    assert {"socketio-handler", "socketio-timers"} <= set(spawned.items)
    runtime.close()
