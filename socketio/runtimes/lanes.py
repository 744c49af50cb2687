"""The order in which the functions of one client begin, in threads.

Called by the threading runtime. A *lane* is a client's queue of functions: the next one begins
when the one before has ended **or waits**, so they start in order and overlap where they wait, as
coroutines do. Whether one waits is known at once in `call()`, `sleep()` and the like, and after
some hundredths of a second everywhere else. In a *series* the next one begins when the one before
has ended.

Functions run in the threads of a pool, or in place where the caller is the socket loop: that
saves two thread switches, which cost more than a short handler does. The loop goes on in another
thread as soon as a function in place waits, and functions that turn out to be slow are not run in
place for a while (`InPlace`).
"""

from __future__ import annotations

import contextvars
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .threading_runtime import ThreadingRuntime
    from .workers import WorkerPool

logger = logging.getLogger("socketio.runtime")

TURNS = 20
"""How many functions of one lane a worker runs before it lets other lanes have a turn."""

SLOW = 0.001
"""Seconds of waiting from which a function is slow: many times what a thread switch costs."""

STOPPED = 0.05
"""Seconds that are charged for a function that stopped the loop until another thread led it."""


class InPlace:
    """Decides whether functions run in the thread of the socket loop.

    While one waits there, the loop stands still. That time is paid back: for each 50 µs of it,
    which is what a thread switch costs at worst, one function goes to the pool instead. Time in
    which a function computes is no loss, since only one thread computes at a time.
    """

    __slots__ = ("_debt",)

    COST = 50e-6
    LIMIT = 1.0

    def __init__(self) -> None:
        self._debt = 0.0

    def allowed(self) -> bool:
        """Tell whether the next function may run in place."""
        if self._debt <= 0:
            return True
        self._debt -= self.COST
        return False

    def run(self, function: Callable[[Job], bool], job: Job) -> bool:
        """Call a function in place, and note how long it has waited."""
        began, cpu = time.monotonic(), time.thread_time()
        result = function(job)
        waited = time.monotonic() - began - (time.thread_time() - cpu)
        if waited > SLOW:
            self.lost(waited)
        return result

    def lost(self, seconds: float) -> None:
        """Note that a function in place has waited for so long."""
        self._debt = min(self._debt + seconds, self.LIMIT)


class AlwaysInPlace(InPlace):
    """Lets every function run in place, for greenlets.

    There each websocket has its own reader: a function that waits holds up its own client alone,
    until another greenlet reads on. One that computes holds up all others wherever it runs.
    """

    __slots__ = ()

    def allowed(self) -> bool:
        """Tell whether the next function may run in place."""
        return True

    def run(self, function: Callable[[Job], bool], job: Job) -> bool:
        """Call a function in place; nobody needs to know how long it waits."""
        return function(job)


class Job:
    """A function that was started, or will be."""

    __slots__ = ("args", "callbacks", "done", "function", "in_place", "lane", "looks")

    def __init__(
        self, lane: Lane | Series, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        self.lane = lane
        self.function = function
        self.args = args
        self.done = False
        self.in_place = False
        self.looks = 0
        self.callbacks: list[Callable[[Job], object]] | None = None

    def join(self, timeout: float | None = None) -> None:
        """Wait until the function has ended.

        Args:
            timeout: Seconds, or None to wait as long as it takes.
        """
        runtime = self.lane.runtime
        waiter = runtime.create_waiter()
        self.add_done_callback(waiter.set)
        try:
            waiter.wait(timeout)
        except TimeoutError:
            return

    def add_done_callback(self, function: Callable[[Job], object], /) -> None:
        """Call a function that does not wait when this one has ended; see `Pending`."""
        with self.lane.runtime.join_lock:
            if self.callbacks is None:
                self.callbacks = []
            self.callbacks.append(function)
        if self.done:
            self._call_back()

    def _call_back(self) -> None:
        """Call every function once, whichever thread takes it."""
        with self.lane.runtime.join_lock:
            callbacks, self.callbacks = self.callbacks, None
        for function in callbacks or ():
            function(self)

    def run(self) -> None:
        """Run the function in a context of its own."""
        try:
            contextvars.copy_context().run(self.function, *self.args)
        except SystemExit:
            logger.debug("%r called sys.exit(), which ends no more than itself", self.function)
        except KeyboardInterrupt:
            raise
        except BaseException:
            logger.exception("unhandled error in %r", self.function)
        finally:
            self.lane.runtime.unfinished.discard(self)
            self.done = True
            if self.callbacks is not None:
                self._call_back()


class Series:
    """Runs functions one after another.

    Args:
        runtime: The runtime that it belongs to.
        pool: Where they run.
        in_place: Whether they run in the socket loop instead.
    """

    __slots__ = ("_front", "_in_place", "_jobs", "_pool", "runtime")

    def __init__(self, runtime: ThreadingRuntime, pool: WorkerPool, in_place: InPlace) -> None:
        self.runtime = runtime
        self._pool = pool
        self._in_place = in_place
        self._jobs: deque[Job] = deque()
        # Held by whoever runs the lane's next job, be it a thread or a place in the pool's queue.
        self._front = runtime.primitives.create_lock()

    def start(self, function: Callable[..., Any], *args: Any) -> Job | None:
        """Run a function when those before it have ended; see `Runtime.start`."""
        return self._start(function, args)

    def _start(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Job | None:
        state = self.runtime.state
        job = Job(self, function, args)
        self.runtime.unfinished.add(job)
        if (
            state.leading is not None
            and state.job is None
            and not self._jobs
            and self._in_place.allowed()
            and self._front.acquire(False)
        ):
            job.in_place = True
            if self._in_place.run(self._run, job):
                self._pass_front()
            return None
        self._jobs.append(job)
        if self._front.acquire(False):
            self._pool.submit(self._run_jobs)
        return job

    def _pass_front(self) -> None:
        """Let the next job begin, in the pool."""
        self._front.release()
        if self._jobs and self._front.acquire(False):
            self._pool.submit(self._run_jobs)

    def _run_jobs(self) -> None:
        """Run the jobs that wait, as long as this thread is in front."""
        for _ in range(TURNS):
            try:
                job = self._jobs.popleft()
            except IndexError:
                self._pass_front()
                return
            if not self._run(job):
                return
        self._pool.submit(self._run_jobs)

    def _run(self, job: Job) -> bool:
        """Run one job.

        Returns:
            Whether this thread is still in front.

        Raises:
            KeyboardInterrupt: The job raised it; the next one has begun elsewhere.
        """
        try:
            self._call(job)
        except BaseException:
            self._pass_front()
            raise
        return True

    def _call(self, job: Job) -> None:
        state = self.runtime.state
        outer, state.job = state.job, job
        try:
            job.run()
        finally:
            state.job = outer


class Lane(Series):
    """Runs functions in order, each when the one before has ended or waits."""

    __slots__ = ()

    def _run(self, job: Job) -> bool:
        # Whoever takes the job out of this table, its own thread at its end or someone who sees
        # it wait, decides what comes next; taking it is one operation.
        running = self.runtime.running
        running[job] = True
        self.runtime.watch()
        try:
            self._call(job)
        except BaseException:
            if running.pop(job, None) is not None:
                self._pass_front()
            raise
        return running.pop(job, None) is not None

    def overtake(self, job: Job) -> None:
        """Let the next job begin, since this one waits; harmless when it has begun."""
        if self.runtime.running.pop(job, None) is not None:
            if job.in_place:
                self._in_place.lost(STOPPED)
            self._pass_front()
