"""The threading runtime in forked children, which have one thread and copies of locks."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from socketio.runtimes.threads.runtime import ThreadingRuntime
from socketio.runtimes.threads.waits import waiting

DEADLINE = 10.0

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning"),
    # Once eventlet is imported, by whatever test, it warns of every fork.
    pytest.mark.filterwarnings(
        "ignore:Using fork.. is a bad idea, and there is no guarantee eventlet"
    ),
]


@pytest.fixture
def runtime() -> Iterator[ThreadingRuntime]:
    runtime = ThreadingRuntime()
    yield runtime
    runtime.close()


def in_a_child(function: Callable[[], Any]) -> int | None:
    """Call a function in a forked child; return its exit code, or None if it does not end."""
    child = multiprocessing.get_context("fork").Process(target=function)
    child.start()
    child.join(DEADLINE)
    if child.exitcode is None:
        child.kill()
        return None
    return child.exitcode


def test_a_runtime_that_has_worked_works_in_a_child(runtime: ThreadingRuntime) -> None:
    """Its idle workers and its timers' thread are the parent's."""

    def use() -> None:
        done, due = runtime.create_event(), runtime.create_event()
        runtime.create_lane().start(done.set)
        assert done.wait(DEADLINE / 4)
        runtime.call_later(0, due.set)
        assert due.wait(DEADLINE / 4)
        runtime.start(done.clear).join(DEADLINE / 4)  # type: ignore[union-attr]  # not in place
        assert not done.is_set()

    use()
    assert in_a_child(use) == 0
    use()


def test_a_child_of_a_busy_runtime_finds_no_lock_held(runtime: ThreadingRuntime) -> None:
    def use() -> None:
        done = runtime.create_event()
        runtime.create_lane().start(done.set)
        assert done.wait(DEADLINE / 4)

    with runtime.scheduler.lock:
        code = in_a_child(use)
    assert code == 0


def test_what_waits_behind_a_handler_that_forks_is_for_the_parent(
    runtime: ThreadingRuntime,
) -> None:
    counted: Any = multiprocessing.get_context("fork").Value("i", 0)
    codes: list[int | None] = []
    queued = threading.Event()

    def wait_in_child() -> None:
        runtime.sleep(0)
        with waiting():
            pass
        runtime.create_event().wait(0.05)
        # What would have begun in a thread of the child begins before this one.
        done = threading.Event()
        runtime.create_lane().start(done.set)
        assert done.wait(DEADLINE / 4)

    def fork() -> None:
        assert queued.wait(DEADLINE)
        codes.append(in_a_child(wait_in_child))

    def count() -> None:
        with counted.get_lock():
            counted.value += 1

    lane = runtime.create_lane()
    lane.start(fork)
    counting = lane.start(count)
    queued.set()
    assert counting is not None
    counting.join(DEADLINE)
    runtime.wait_idle(DEADLINE)
    assert codes == [0]
    assert counted.value == 1
