"""Pooled threads that begin what they are given in order.

Called by the threading runtime; it knows functions and threads and nothing of what they do.

A `ThreadPool` bounds how many threads work; a `Lane` begins its functions one after another.
The next one begins when the one before has ended, when it waits for something of the library
(an answer, a pause), or when it has run for `GRACE` seconds: it may then be waiting for
something that only a later one brings. Functions that end quickly thus share one thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

GRACE: Final = 0.01
"""Seconds that a function may hold up the next one of its lane."""

IDLE: Final = 10.0
"""Seconds after which a thread without work ends."""

Job = tuple[Callable[..., Any], tuple[Any, ...]]

logger = logging.getLogger("socketio")


class _Current(threading.local):
    """What the thread that asks is working for."""

    pool: ThreadPool | None = None
    lane: Lane | None = None
    turn: object = None


_current = _Current()


@contextmanager
def waiting() -> Iterator[None]:
    """Let others go on while the block waits: the next of the lane, and one more thread.

    Outside of a pool's threads it does nothing.
    """
    pool = _current.pool
    if pool is None:
        yield
        return
    if _current.lane is not None:
        _current.lane.pass_turn(_current.turn)
    pool.enter_wait()
    try:
        yield
    finally:
        pool.leave_wait()


class ThreadPool:
    """Threads that run functions, at most so many at a time.

    Args:
        max_threads: How many may work; threads in `waiting` do not count.
        name: Beginning of the threads' names.
    """

    def __init__(self, max_threads: int, name: str) -> None:
        self._max_threads = max_threads
        self._name = name
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._threads = 0
        self._idle = 0
        self._waiting = 0
        self._watched: set[Lane] = set()
        self._overseer: threading.Thread | None = None

    def run(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function on a thread of the pool."""
        with self._changed:
            self._jobs.append((function, args))
            self._find_thread()

    def _find_thread(self) -> None:
        """Wake up or start a thread if there is work for it; the lock is held."""
        if len(self._jobs) <= self._idle:
            self._changed.notify()
        elif self._threads - self._waiting < self._max_threads:
            self._threads += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def enter_wait(self) -> None:
        """Note that the calling thread is about to wait."""
        with self._changed:
            self._waiting += 1
            if self._jobs:
                self._find_thread()

    def leave_wait(self) -> None:
        """Note that the calling thread goes on."""
        with self._changed:
            self._waiting -= 1

    def _work(self) -> None:
        _current.pool = self
        while (job := self._next_job()) is not None:
            function, args = job
            try:
                function(*args)
            except Exception:  # a bug of ours: what the application raises is handled before
                logger.exception("unhandled error in %r", function)

    def _next_job(self) -> Job | None:
        with self._changed:
            self._idle += 1
            try:
                if not self._jobs and not self._changed.wait_for(lambda: self._jobs, IDLE):
                    self._threads -= 1
                    return None
                return self._jobs.popleft()
            finally:
                self._idle -= 1

    def watch(self, lane: Lane) -> None:
        """Look after a lane in which something waits behind a function that runs."""
        with self._changed:
            self._watched.add(lane)
            if self._overseer is None:
                self._overseer = threading.Thread(
                    target=self._oversee, name=f"{self._name}-overseer", daemon=True
                )
                self._overseer.start()

    def _oversee(self) -> None:
        while True:
            time.sleep(GRACE)
            with self._changed:
                lanes = list(self._watched)
                if not lanes:
                    self._overseer = None
                    return
            done = {lane for lane in lanes if not lane.keep_moving()}
            with self._changed:
                self._watched -= done


class Lane:
    """Functions that begin one after another.

    Args:
        pool: Whose threads run them.
    """

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._turn: object = None
        self._began = 0.0
        self._watched = False

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function when its turn has come."""
        with self._lock:
            self._jobs.append((function, args))
            if self._turn is None:
                self._give_turn()
            elif not self._watched:
                self._watched = True
                self._pool.watch(self)

    def _give_turn(self) -> None:
        """Let another thread begin the next functions; the lock is held."""
        self._turn = turn = object() if self._jobs else None
        if turn is not None:
            self._began = time.monotonic()
            self._pool.run(self._lead, turn)

    def _lead(self, turn: object) -> None:
        """Run functions until there are none, or another thread has taken the turn."""
        _current.lane, _current.turn = self, turn
        try:
            while True:
                with self._lock:
                    if self._turn is not turn:
                        return
                    if not self._jobs:
                        self._turn = None
                        return
                    function, args = self._jobs.popleft()
                    self._began = time.monotonic()
                try:
                    function(*args)
                except Exception:  # a bug of ours: what the application raises is handled before
                    logger.exception("unhandled error in %r", function)
        finally:
            _current.lane = _current.turn = None

    def pass_turn(self, turn: object) -> None:
        """Let the next function begin, because the thread that has the turn will wait."""
        with self._lock:
            if self._turn is turn:
                self._give_turn()

    def keep_moving(self) -> bool:
        """Take the turn from a function that has had it for too long.

        Returns:
            Whether to look again.
        """
        with self._lock:
            if self._turn is not None and self._jobs:
                if time.monotonic() - self._began >= GRACE:
                    self._give_turn()
                return True
            self._watched = False
            return False
