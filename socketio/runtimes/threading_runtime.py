"""The threading runtime: handlers in a bounded pool of threads, or in the socket loop.

Called by the synchronous engine, server and clients; it knows threads and timers and nothing of
what they do. The same code runs on greenlets, given other `Primitives`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from .._core.handlers import is_coroutine_function
from ..abc.runtime import Runtime, Waiter
from .lanes import AlwaysInPlace, InPlace, Job, Lane, Series
from .primitives import THREADS, Primitives
from .socket_loop import SocketLoop
from .timers import ThreadTimer, TimerThread
from .workers import WorkerPool, current

TICK = 0.01
"""Seconds between two looks at which functions wait without having said so."""

LOOKS = 3
"""How often a function is seen at work until it is taken for one that waits: a thread may stand
still because others have the interpreter, and must not lose its turn by that."""

QUIET_TICKS = 50
"""After so many ticks without a running function the looking ends until the next one."""


class ThreadWaiter(Waiter):
    """A value that one thread sets and another waits for."""

    __slots__ = ("_error", "_gate", "_open", "_runtime", "_value")

    def __init__(self, runtime: ThreadingRuntime) -> None:
        self._runtime = runtime
        self._gate = runtime.primitives.create_lock()
        self._gate.acquire()
        # One of several who want to set the value can take this.
        self._open = [True]
        self._value: Any = None
        self._error: BaseException | None = None

    def set(self, value: Any) -> None:
        """Give the value; later calls change nothing. Safe from any thread."""
        if self._claim():
            self._value = value
            self._gate.release()

    def fail(self, error: BaseException) -> None:
        """Make `wait` raise an error; later calls change nothing. Safe from any thread."""
        if self._claim():
            self._error = error
            self._gate.release()

    def _claim(self) -> bool:
        try:
            return self._open.pop()
        except IndexError:
            return False

    def wait(self, timeout: float | None = None) -> Any:
        """Return the value; see `Waiter.wait`."""
        if not self._gate.acquire(False):
            with self._runtime.waiting():
                if timeout is None:
                    self._gate.acquire()
                elif not self._gate.acquire(True, max(timeout, 0)):
                    raise TimeoutError(f"nothing came in {timeout} s")
        self._gate.release()
        if self._error is not None:
            raise self._error
        return self._value


class Connection(Protocol):
    """A websocket that a greenlet of its own reads."""

    def finish(self) -> None:
        """End it at once."""

    def runtime_closes(self) -> None:
        """End it, at once or when its closing handshake is over."""


class Leader(Protocol):
    """The thread that reads for others, and may run their handlers in place."""

    def hand_over(self) -> None:
        """Let another thread read on; harmless when one does already."""


class ThreadEvent:
    """An event like `threading.Event`.

    Args:
        runtime: The runtime whose handlers may wait for it.
        event: The event of the primitives.
    """

    def __init__(self, runtime: ThreadingRuntime, event: Any) -> None:
        self._runtime = runtime
        self._event = event
        self.set = event.set
        self.clear = event.clear
        self.is_set = event.is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set; return whether it is."""
        if self._event.is_set():
            return True
        with self._runtime.waiting():
            return bool(self._event.wait(timeout))


def waiting() -> AbstractContextManager[None]:
    """Return what `with` takes around a wait in a thread that may be of a runtime, or of none."""
    runtime = current.runtime
    return nullcontext() if runtime is None else runtime.waiting()


class _Waiting:
    """The time that a thread spends in `Runtime.waiting`."""

    __slots__ = ("_runtime", "_worker")

    def __init__(self, runtime: ThreadingRuntime) -> None:
        self._runtime = runtime
        self._worker: Any = None

    def __enter__(self) -> None:
        state = self._runtime.state
        job = state.job
        if job is not None and isinstance(job.lane, Lane):
            job.lane.overtake(job)
        if state.leading is not None:
            leader, state.leading = state.leading, None
            leader.hand_over()
        self._worker = state.worker
        if self._worker is not None:
            self._worker.pool.leave()

    def __exit__(self, *exception: object) -> None:
        if self._worker is not None:
            self._worker.pool.rejoin()


class ThreadingRuntime(Runtime):
    """Runs handlers in threads.

    Args:
        primitives: What threads are made of.
        max_running: How many handlers run at once, those that wait in `call()` or `sleep()` not
            counted; more are queued.
        max_threads: How many threads of handlers there are at most, with those that wait.
    """

    def __init__(
        self, primitives: Primitives = THREADS, max_running: int = 64, max_threads: int = 1000
    ) -> None:
        self.primitives = primitives
        state = type(
            "ThreadState", (primitives.local,), {"worker": None, "job": None, "leading": None}
        )
        self.state: Any = state()
        """What each thread knows of itself: its worker, its job, whether it leads the loop."""
        self.running: dict[Job, bool] = {}
        """The jobs that have the front of their lane, in the order of their start."""
        self.unfinished: set[Job] = set()
        """The jobs that were started and have not ended, whether they wait or not."""
        self.dispatching: dict[Leader, float] = {}
        """Who reads while it runs other people's code, with the time since when. Who takes it
        out of here, itself or somebody who sees it wait, decides who reads on."""
        self.own_readers: set[Connection] = set()
        """The websockets that are not read by the socket loop."""
        self.join_lock = primitives.create_lock()
        self._handlers = WorkerPool(self, "socketio-handler", max_running, max_threads)
        # Acks and the loop itself must go on when every handler waits for them.
        self._core = WorkerPool(self, "socketio-core", max_running, max_threads)
        # While this thread looks, greenlets wait for certain; threads may only be slow.
        greenlets = not primitives.socket_loop
        self._looks = 1 if greenlets else LOOKS
        self._patience = 0.0 if greenlets else TICK
        self._in_place = AlwaysInPlace() if greenlets else InPlace()
        self._lane = Lane(self, self._core, InPlace())
        self._timers = TimerThread(primitives)
        self._watching = False
        self._quiet_ticks = 0
        self._looked = 0.0
        self._late = False
        self._socket_loop: SocketLoop | None = None
        self._closed = False

    def start(self, function: Callable[..., Any], *args: Any) -> Job | None:
        """Run a function of the core beside its caller, in the order of these calls."""
        return self._lane.start(function, *args)

    def create_lane(self) -> Lane:
        """Return something like `start` for the handlers of one client."""
        return Lane(self, self._handlers, self._in_place)

    def create_series(self) -> Series:
        """Return something like `start` that runs its functions one after another."""
        return Series(self, self._handlers, self._in_place)

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
        return _Waiting(self)

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
        return ThreadWaiter(self)

    def create_lock(self) -> AbstractContextManager[Any]:
        """Return a lock that its holder may acquire again."""
        lock: AbstractContextManager[Any] = self.primitives.create_reentrant_lock()
        return lock

    def create_event(self, *args: Any, **kwargs: Any) -> ThreadEvent:
        """Return an event; who waits for it lets others run."""
        return ThreadEvent(self, self.primitives.create_event(*args, **kwargs))

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """Return a `queue.Queue`, or what the greenlets have for it."""
        return self.primitives.create_queue(*args, **kwargs)

    @property
    def socket_loop(self) -> SocketLoop:
        """The one loop that reads all websockets; only where the primitives have it."""
        if self._socket_loop is None:
            with self.join_lock:
                if self._socket_loop is None:
                    loop = SocketLoop(self)
                    if self._closed:
                        loop.close()  # a websocket that was late: it is forgotten at once
                    self._socket_loop = loop
        return self._socket_loop

    def lead(self, function: Callable[[], Any]) -> None:
        """Run a function that leads in a thread of its own, at once."""
        self._core.submit(function, always=True)
        self.watch()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no handler runs or is due to, the caller's own left aside.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it is so.
        """
        deadline = self.now() + timeout
        own = {self.state.job}
        while self.unfinished - own or self.dispatching:
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
        self._timers.close()
        for connection in list(self.own_readers):
            connection.runtime_closes()
        self._handlers.close()
        self._core.close()
        with self.join_lock:
            self._closed = True
        if self._socket_loop is not None:
            self._socket_loop.close_all()
            self._socket_loop.close()

    # -- noticing who waits ---------------------------------------------------------------

    def watch(self) -> None:
        """Look from now on at what runs long."""
        if not self._watching:
            self._watching = True
            self._quiet_ticks = 0
            self._timers.call_later(TICK, self._look)

    def _look(self) -> None:
        """Pass on the turn of everybody who has run for several ticks."""
        now = time.monotonic()
        # When the whole process stood still, this look says nothing about anybody.
        was_late, self._late = self._late, now - self._looked > 3 * TICK
        if was_late or not self._late:
            for job in list(self.running):
                job.looks += 1
                if job.looks >= self._looks:
                    job.lane.overtake(job)  # type: ignore[union-attr]  # only lanes put jobs there
        self._looked = now
        for leader, began in list(self.dispatching.items()):
            if began <= now - self._patience:
                leader.hand_over()
        if self.running or self.dispatching:
            self._quiet_ticks = 0
        else:
            self._quiet_ticks += 1
            if self._quiet_ticks > QUIET_TICKS:
                self._watching = False
                if not self.running:
                    return
                self._watching = True  # a job began in between, and saw that somebody looks
        self._timers.call_later(TICK, self._look)
