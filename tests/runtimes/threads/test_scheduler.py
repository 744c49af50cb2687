"""Who is taken for one that waits, and who is not."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from socketio.runtimes.threads import scheduler, standstill
from socketio.runtimes.threads.primitives import THREADS
from socketio.runtimes.threads.runtime import ThreadingRuntime
from socketio.runtimes.threads.standstill import ThreadClock, create_thread_clock

DEADLINE = 20.0


@pytest.fixture
def runtime() -> Iterator[ThreadingRuntime]:
    runtime = ThreadingRuntime()
    yield runtime
    runtime.close()


def compute(seconds: float) -> None:
    """Use a CPU for so long, however long that takes beside others."""
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


def run_in_lane(runtime: ThreadingRuntime, *functions: Callable[[], object]) -> list[int]:
    """Run functions in one lane; return in which order they have ended."""
    ended: list[int] = []
    lane = runtime.create_lane()

    def run(number: int) -> None:
        functions[number]()
        ended.append(number)

    jobs = [lane.start(run, number) for number in range(len(functions))]
    for job in jobs:
        assert job is not None
        job.join(DEADLINE)
    return ended


def test_who_computes_is_not_overtaken(
    runtime: ThreadingRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "MOST_LOOKS", 10**9)
    ended = run_in_lane(runtime, lambda: compute(0.15), lambda: None)
    assert ended == [0, 1]


def test_who_waits_for_the_interpreter_is_not_overtaken(
    runtime: ThreadingRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "MOST_LOOKS", 10**9)
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            compute(0.01)

    others = [threading.Thread(target=disturb) for _ in range(6)]
    for other in others:
        other.start()
    try:
        ended = run_in_lane(runtime, lambda: compute(0.03), lambda: None)
    finally:
        stop.set()
        for other in others:
            other.join()
    assert ended == [0, 1]


def test_who_sleeps_again_and_again_is_overtaken_in_the_end(
    runtime: ThreadingRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "MOST_LOOKS", 10)
    come = threading.Event()

    def poll() -> None:
        ends = time.monotonic() + DEADLINE
        while not come.is_set() and time.monotonic() < ends:
            compute(0.0001)

    assert run_in_lane(runtime, poll, come.set) == [1, 0]


def test_without_a_clock_time_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "pthread_getcpuclockid")
    assert create_thread_clock() is None
    runtime = ThreadingRuntime()
    come = threading.Event()
    assert run_in_lane(runtime, lambda: come.wait(DEADLINE), come.set) == [1, 0]
    runtime.close()


def test_without_the_states_of_threads_there_is_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "_STATES", "/proc/nowhere/{}")
    assert create_thread_clock() is None


class Observed:
    """A thread with a clock, and what it does."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._ready = threading.Event()
        self._function = function
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self._ready.wait(DEADLINE)

    def _run(self) -> None:
        clock = THREADS.create_clock()
        assert clock is not None
        self.clock: ThreadClock = clock
        self._ready.set()
        self._function()


def test_a_thread_that_waits_stands_still() -> None:
    gate = threading.Event()
    observed = Observed(lambda: gate.wait(DEADLINE))
    ends = time.monotonic() + DEADLINE
    seen = 0
    while seen < 3:  # it begins to wait at some time
        assert time.monotonic() < ends
        seen = seen + 1 if observed.clock.stands_still() else 0
    gate.set()
    observed.thread.join()
    assert not observed.clock.stands_still()


def test_a_thread_that_computes_does_not_stand_still() -> None:
    stop = threading.Event()
    before = sys.getswitchinterval()

    def run() -> None:
        while not stop.is_set():
            compute(0.001)

    observed = Observed(run)
    try:
        sys.setswitchinterval(1e-4)
        observed.clock.stands_still()
        for _ in range(10):
            compute(0.005)
            assert not observed.clock.stands_still()
    finally:
        stop.set()
        sys.setswitchinterval(before)
        observed.thread.join()
