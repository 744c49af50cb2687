"""A pool of threads that is bounded, and that waiting does not exhaust."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from .primitives import Lock, Primitives
from .scheduler import Scheduler

logger = logging.getLogger("socketio.runtime")


class PoolWorker:
    """One thread of a pool."""

    __slots__ = ("function", "gate", "leave", "rejoin")

    def __init__(self, pool: WorkerPool, gate: Lock) -> None:
        self.leave = pool.leave
        self.rejoin = pool.rejoin
        self.gate = gate
        self.gate.acquire()
        self.function: Callable[[], Any] | None = None


class WorkerPool:
    """Threads that run functions, in the order in which they were submitted.

    A worker that is about to wait for something says so by `leave` and gives its slot to another
    one, so functions that wait for each other cannot block the pool.

    Args:
        scheduler: Is told who works.
        primitives: What threads are made of.
        name: How its threads are called.
        max_running: How many functions run at once, those that wait not counted.
        max_threads: How many threads there are at most, with those that wait.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        primitives: Primitives,
        name: str,
        max_running: int,
        max_threads: int,
    ) -> None:
        self.max_running = max_running
        self.max_threads = max_threads
        self._scheduler = scheduler
        self._primitives = primitives
        self._name = name
        self._idle_seconds = self._primitives.idle_seconds
        self.begin_anew()

    def begin_anew(self) -> None:
        """Have no workers and nothing to do, as at first or in a forked child."""
        self._lock = self._primitives.create_lock()
        self._queue: deque[Callable[[], Any]] = deque()
        self._idle: list[PoolWorker] = []
        self._running = 0
        self._threads = 0

    @property
    def threads(self) -> int:
        """How many threads there are."""
        return self._threads

    @property
    def running(self) -> int:
        """How many functions run; those that wait are not counted."""
        return self._running

    def submit(self, function: Callable[[], Any], always: bool = False) -> None:
        """Run a function as soon as there is a slot.

        Args:
            function: The function; it deals with its own exceptions.
            always: Run it at once, whatever the bounds say.
        """
        with self._lock:
            if not always and not self._has_slot():
                self._queue.append(function)
                return
            worker = self._take_slot()
        self._start(worker, function)

    def leave(self) -> None:
        """Give the calling worker's slot away: it is going to wait."""
        with self._lock:
            self._running -= 1
            if not self._queue or not self._has_slot():
                return
            function = self._queue.popleft()
            worker = self._take_slot()
        self._start(worker, function)

    def rejoin(self) -> None:
        """Count the calling worker again: it has waited."""
        with self._lock:
            self._running += 1

    def close(self) -> None:
        """End the threads that have nothing to do; others end when they have done it."""
        with self._lock:
            self._idle_seconds = 0
            idle, self._idle = self._idle, []
            self._threads -= len(idle)
        for worker in idle:
            worker.gate.release()  # it finds no function, and ends

    def _has_slot(self) -> bool:
        return self._running < self.max_running and (
            bool(self._idle) or self._threads < self.max_threads
        )

    def _take_slot(self) -> PoolWorker | None:
        self._running += 1
        if self._idle:
            return self._idle.pop()
        self._threads += 1
        return None

    def _start(self, worker: PoolWorker | None, function: Callable[[], Any]) -> None:
        if worker is not None:
            worker.function = function
            worker.gate.release()
            return
        worker = PoolWorker(self, self._primitives.create_lock())
        worker.function = function
        try:
            self._primitives.spawn(lambda: self._work(worker), self._name)
        except RuntimeError:
            # The system has no more threads, or the interpreter is ending and starts none.
            with self._lock:
                self._running -= 1
                self._threads -= 1
                if self._running > 0:
                    self._queue.append(function)
                    return
            function()

    def _work(self, worker: PoolWorker) -> None:
        self._scheduler.works(worker)
        function = worker.function
        while function is not None:
            try:
                function()
            except SystemExit:
                logger.debug("a handler called sys.exit(), which ends the handler only")
            except KeyboardInterrupt:
                self._end()
                raise
            except BaseException:
                logger.exception("unhandled error in %r", function)
            function = self._next(worker)

    def _end(self) -> None:
        """Take back the slot and the thread of a worker that ends in the middle."""
        with self._lock:
            self._running -= 1
            self._threads -= 1
            if not self._queue or not self._has_slot():
                return
            function = self._queue.popleft()
            successor = self._take_slot()
        self._start(successor, function)

    def _next(self, worker: PoolWorker) -> Callable[[], Any] | None:
        """Return what a worker does next, or None when it may end."""
        with self._lock:
            if self._queue and self._running <= self.max_running:
                return self._queue.popleft()
            self._running -= 1
            worker.function = None
            self._idle.append(worker)
        try:
            given = worker.gate.acquire(True, self._idle_seconds)
        except BaseException:  # Ctrl-C or a kill, in a greenlet that has nothing to do
            if not self._retire(worker):
                worker.gate.acquire()
                assert worker.function is not None  # it was given work at the last moment
                self.submit(worker.function)
                self._end()
            raise
        if not given:
            if self._retire(worker):
                return None
            # It was given work at the last moment.
            worker.gate.acquire()
        return worker.function

    def _retire(self, worker: PoolWorker) -> bool:
        """Count an idle worker no more; return False if it has been given work meanwhile."""
        with self._lock:
            if worker not in self._idle:
                return False
            self._idle.remove(worker)
            self._threads -= 1
            return True
