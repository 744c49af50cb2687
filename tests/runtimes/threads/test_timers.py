"""The thread of the timers by itself."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable

from socketio.runtimes.threads.primitives import THREADS
from socketio.runtimes.threads.timers import TimerThread

DEADLINE = 30


def test_timers_go_on_after_ctrl_c_in_their_greenlet() -> None:
    def spawn(function: Callable[[], None], name: str) -> None:
        def run() -> None:
            with contextlib.suppress(KeyboardInterrupt):
                function()
            ended.release()

        THREADS.spawn(run, name)

    def interrupt() -> None:
        raise KeyboardInterrupt

    ended = threading.Semaphore(0)
    timers = TimerThread(dataclasses.replace(THREADS, spawn=spawn))
    timers.call_later(0, interrupt)
    assert ended.acquire(timeout=DEADLINE)
    called = threading.Event()
    timers.call_later(0, called.set)
    assert called.wait(DEADLINE)
    timers.close()
    assert ended.acquire(timeout=DEADLINE)
