"""The runtime of the threaded flavour: pooled threads, begun in order.

Called by the clients (and whatever else runs on threads); it knows functions, threads and
timers and nothing of what they do.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..abc.runtime import Runtime, Series, Timer, Waiter
from .threads import Lane, ThreadPool, logger, waiting

MAX_THREADS = 100
"""How many handlers of one runtime may work at a time; those that wait for an answer beside."""


class ThreadingWaiter(Waiter):
    """A value that one thread sets and another waits for."""

    __slots__ = ("_error", "_set", "_value")

    def __init__(self) -> None:
        self._set = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def set(self, value: Any) -> None:
        """Give the value; later calls change nothing. Safe from any thread."""
        if not self._set.is_set():
            self._value = value
            self._set.set()

    def fail(self, error: BaseException) -> None:
        """Make `wait` raise an error; later calls change nothing. Safe from any thread."""
        if not self._set.is_set():
            self._error = error
            self._set.set()

    def wait(self, timeout: float | None = None) -> Any:
        """Return the value; see `Waiter.wait`."""
        if not self._set.is_set():
            with waiting():
                if not self._set.wait(timeout):
                    raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._value


class ThreadingEvent(threading.Event):
    """An event whose waiters let other handlers begin."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; see `threading.Event.wait`."""
        if self.is_set():
            return True
        with waiting():
            return super().wait(timeout)


class ThreadingSeries(Series):
    """Functions that run one after another, each to its end before the next begins."""

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._running = False

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function when those before it have ended."""
        with self._lock:
            self._jobs.append((function, args))
            if self._running:
                return
            self._running = True
        self._pool.run(self._run)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._running = False
                    return
                function, args = self._jobs.popleft()
            try:
                function(*args)
            except Exception:  # a bug of ours: what the application raises is handled before
                logger.exception("unhandled error in %r", function)


class ThreadingRuntime(Runtime):
    """Runs everything on threads of its own.

    Args:
        max_threads: How many functions may run at a time; those that wait for an answer of the
            library, or sleep by it, do not count, so that they cannot keep each other waiting.
        name: Beginning of the threads' names.
    """

    def __init__(self, max_threads: int = MAX_THREADS, name: str = "socketio-handler") -> None:
        self._pool = ThreadPool(max_threads, name)
        self._lane = Lane(self._pool)

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function when those before it have begun; see `Runtime.start`."""
        self._lane.start(function, *args)

    def create_series(self) -> ThreadingSeries:
        """Return something like `start` that runs its functions one after another."""
        return ThreadingSeries(self._pool)

    def create_lane(self) -> Lane:
        """Return something like `start` whose order has nothing to do with that of others."""
        return Lane(self._pool)

    def start_background_task(
        self, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> threading.Thread:
        """Run a function on a thread of its own, which does not keep the process alive."""
        thread = threading.Thread(target=target, args=args, kwargs=kwargs, daemon=True)
        thread.start()
        return thread

    def sleep(self, seconds: float = 0) -> None:
        """Wait for a number of seconds; other handlers begin meanwhile."""
        with waiting():
            time.sleep(seconds)

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a function `delay` seconds from now, on a thread of its own."""
        timer = threading.Timer(delay, function, args)
        timer.daemon = True
        timer.start()
        return timer

    def now(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def create_waiter(self) -> ThreadingWaiter:
        """Return a waiter of threads."""
        return ThreadingWaiter()

    def create_lock(self) -> AbstractContextManager[Any]:
        """Return a lock of threads."""
        return threading.Lock()

    def create_event(self, *args: Any, **kwargs: Any) -> ThreadingEvent:
        """Return an event like `threading.Event`."""
        return ThreadingEvent(*args, **kwargs)

    def create_queue(self, *args: Any, **kwargs: Any) -> queue.Queue[Any]:
        """Return a `queue.Queue`."""
        return queue.Queue(*args, **kwargs)
