"""The threading runtime: handlers in bounded pools of threads, or in the socket loop.

The same code runs on greenlets, given other `Primitives`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from ..._core import forks
from ..._core.handlers import is_coroutine_function
from ...abc.runtime import Runtime
from .lanes import AlwaysInPlace, InPlace, Job, Lane, Threads, ThreadSeries
from .primitives import THREADS, Primitives
from .scheduler import Scheduler
from .socket_loop import SocketLoop
from .timers import ThreadTimer, TimerThread
from .waits import ThreadEvent, ThreadWaiter
from .workers import WorkerPool

SHARE = 4
"""One client's handlers that hang take no more than one of so many parts of the slots."""


class OwnReader(Protocol):
    """A websocket that a greenlet of its own reads."""

    def finish(self) -> None:
        """End it at once."""

    def runtime_closes(self) -> None:
        """End it, at once or when its closing handshake is over."""


class ThreadingRuntime(Runtime):
    """Runs handlers in threads.

    Args:
        primitives: What threads are made of.
        max_running: How many handlers run at once, those that wait in `call()` or `sleep()` not
            counted; more are queued. Connect and disconnect handlers are counted by themselves,
            and so are callbacks of acks.
        max_threads: How many threads of handlers there are at most, with those that wait.
        share: How many of these may be handlers of one client that hang; None: a quarter.
    """

    def __init__(
        self,
        primitives: Primitives = THREADS,
        max_running: int = 64,
        max_threads: int = 1000,
        share: float | None = None,
    ) -> None:
        self.primitives = primitives
        self.own_readers: set[OwnReader] = set()
        """The websockets that are not read by the socket loop."""
        self._timers = TimerThread(primitives)
        self.scheduler = Scheduler(primitives, self._timers)
        """Who runs, who waits and who reads."""

        def create_pool(name: str) -> WorkerPool:
            return WorkerPool(self.scheduler, primitives, name, max_running, max_threads)

        self._handlers = create_pool("socketio-handler")
        self._reserved = create_pool("socketio-reserved")
        # Acks must go on when every handler waits for them, and reading in any case.
        self._core = create_pool("socketio-core")
        self._readers = create_pool("socketio-loop")
        self._pools = (self._handlers, self._reserved, self._core, self._readers)
        self._share = share
        self._threads = Threads(
            scheduler=self.scheduler,
            primitives=primitives,
            pool=self._handlers,
            reserved_pool=self._reserved,
            in_place=InPlace() if primitives.socket_loop else AlwaysInPlace(),
            share=self._lane_share,
        )
        self._core_threads = Threads(
            scheduler=self.scheduler,
            primitives=primitives,
            pool=self._core,
            reserved_pool=self._core,
            in_place=InPlace(),
            share=lambda: self._core.max_running,
        )
        self._ack_threads = replace(self._core_threads, share=self._lane_share)
        self._lane = Lane(self._core_threads)
        self._socket_loop: SocketLoop | None = None
        self._closed = False
        forks.watch(self)

    def after_fork(self) -> None:
        """Leave threads, sockets and what they do to the parent process; see `forks`.

        A handler that has forked waits in the child as any other thread does: what comes after it
        is for the parent.
        """
        forks.keep((self._socket_loop, self.own_readers, self._lane))
        self._socket_loop = None
        self.own_readers = set()
        self._timers.begin_anew()
        self.scheduler.begin_anew()
        for pool in self._pools:
            pool.begin_anew()
        self._lane = Lane(self._core_threads)

    def _lane_share(self) -> float:
        """Return how many handlers of one client may hang before no more begin."""
        if self._share is not None:
            return self._share
        return max(self._handlers.max_running // SHARE, 1)

    def set_workers(self, count: int) -> None:
        """Let so many handlers run at once; see `Runtime.set_workers`."""
        for pool in self._pools:
            pool.max_running = count

    def start(self, function: Callable[..., Any], *args: Any) -> Job | None:
        """Run a function of the core beside its caller, in the order of these calls."""
        return self._lane.start(function, *args)

    def running_for(self) -> Any:
        """Return the first argument of the function that runs in this thread, or None."""
        work = self.scheduler.here.place.work
        return work.args[0] if isinstance(work, Job) and work.args else None

    def create_lane(self) -> Lane:
        """Return something like `start` for the handlers of one client."""
        return Lane(self._threads)

    def create_ack_lane(self) -> Lane:
        """Return something like `start` for the callbacks of one client's acks."""
        return Lane(self._ack_threads)

    def create_series(self) -> ThreadSeries:
        """Return something like `start` that runs its functions one after another."""
        return ThreadSeries(self._threads)

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function in a thread of its own, and return the thread.

        Raises:
            TypeError: The target is no function, or a coroutine function.
        """
        if not callable(target) or is_coroutine_function(target):
            raise TypeError(f"a background task of threads must be a function, not {target!r}")
        return self.primitives.create_thread(target, args, kwargs)

    def sleep(self, seconds: float = 0) -> None:
        """Wait for a number of seconds."""
        with self.waiting():
            self.primitives.sleep(seconds)

    def waiting(self) -> AbstractContextManager[None]:
        """Return what `with` takes around a wait: others have this thread's turn meanwhile."""
        return self.scheduler.waiting()

    def call_later(
        self,
        delay: float,
        function: Callable[..., Any],
        *args: Any,
        outlives_close: bool = False,
    ) -> ThreadTimer:
        """Call a function that does not wait, `delay` seconds from now, in the timers' thread.

        Args:
            delay: In seconds.
            function: The function.
            *args: Its arguments.
            outlives_close: Whether it is called even if the runtime is closed before.
        """
        return self._timers.call_later(delay, function, *args, outlives_close=outlives_close)

    def now(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def create_waiter(self) -> ThreadWaiter:
        """Return a waiter for any threads."""
        return ThreadWaiter(self.scheduler, self.primitives)

    def create_lock(self) -> AbstractContextManager[Any]:
        """Return a lock that its holder may acquire again."""
        lock: AbstractContextManager[Any] = self.primitives.create_reentrant_lock()
        return lock

    def create_event(self, *args: Any, **kwargs: Any) -> ThreadEvent:
        """Return an event; who waits for it lets others run."""
        return ThreadEvent(self.scheduler, self.primitives.create_event(*args, **kwargs))

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """Return a `queue.Queue`, or what the greenlets have for it."""
        return self.primitives.create_queue(*args, **kwargs)

    @property
    def socket_loop(self) -> SocketLoop:
        """The one loop that reads all websockets; only where the primitives have it."""
        if self._socket_loop is None:
            with self.scheduler.lock:
                if self._socket_loop is None:
                    loop = SocketLoop(self.scheduler, self.primitives, self._lead)
                    if self._closed:
                        loop.close()  # a websocket that was late: it is forgotten at once
                    self._socket_loop = loop
        return self._socket_loop

    def _lead(self, function: Callable[[], Any]) -> None:
        """Run a function that leads the socket loop in a thread of its own, at once."""
        self._readers.submit(function, always=True)
        self.scheduler.watch()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no handler runs or is due to, the caller's own left aside.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it is so.
        """
        deadline = self.now() + timeout
        while not self.scheduler.is_idle():
            if self.now() > deadline:
                return False
            self.sleep(0.005)
        return True

    def abort_sockets(self) -> None:
        """Drop every websocket, also those whose clients take their time to say goodbye."""
        if self._socket_loop is not None:
            self._socket_loop.finish_all()
        for connection in list(self.own_readers):
            connection.finish()

    def close(self) -> None:
        """End timers, idle threads and, with the last websocket, the loop; handlers go on.

        A websocket that has sent its close frame keeps the time that it has for the answer.
        """
        self.scheduler.close()
        self._timers.close()
        for connection in list(self.own_readers):
            connection.runtime_closes()
        for pool in self._pools:
            pool.close()
        with self.scheduler.lock:
            self._closed = True
        if self._socket_loop is not None:
            self._socket_loop.close_all()
            self._socket_loop.close()
