"""The order in which the functions of one client begin, in threads.

A *lane* is a client's queue of functions: the next one begins when the one before has ended **or
waits**, so they start in order and overlap where they wait, as coroutines do. Whether one waits is
known at once in `call()`, `sleep()` and the like, and after some hundredths of a second everywhere
else. In a *series* the next one begins when the one before has ended.

Functions run in the threads of a pool, or in place where the caller is the socket loop: that
saves two thread switches, which cost more than a short handler does. The loop goes on in another
thread as soon as a function in place waits, and functions that turn out to be slow are not run in
place for a while (`InPlace`).

What waits without having said so keeps its worker's slot. So a lane has a share of the slots: when
its functions that wait have used it up, the next one begins when one of them has ended. Some
functions have reserved slots and a share of these: connect and disconnect handlers. They keep
their place in the order as long as there is any progress, and go past the others when there is
none: a client is connected and disconnected even if all slots are taken by handlers that hang.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .primitives import Lock, Primitives
from .scheduler import Place, Scheduler
from .waits import ThreadWaiter
from .workers import WorkerPool

logger = logging.getLogger("socketio.runtime")

TURNS = 20
"""How many functions of one lane a worker runs before it lets other lanes have a turn."""

SLOW = 0.001
"""Seconds of waiting from which a function is slow: many times what a thread switch costs."""

PATIENCE = 0.5
"""Seconds without progress after which a reserved function goes past those before it."""

STOPPED = 0.05
"""Seconds that are charged for a function that stopped the loop until another thread led it."""


class InPlace:
    """Decides whether functions run in the thread of the socket loop.

    While one waits there, the loop stands still. For each 50 µs of that time, which is what a
    thread switch costs at worst, one of the next functions goes to the pool instead. Time in
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """What the functions of lanes need to run.

    Args:
        scheduler: Is told who runs and who waits.
        primitives: What threads are made of.
        pool: Where functions run.
        reserved_pool: Where those run that have reserved slots.
        in_place: Whether they run in the socket loop instead.
        share: How many functions of one lane, reserved or not, may wait unannounced before no
            more begin.
    """

    scheduler: Scheduler
    primitives: Primitives
    pool: WorkerPool
    reserved_pool: WorkerPool
    in_place: InPlace
    share: Callable[[], float]


class Front(Enum):
    """Who has the front of a lane, if anybody.

    A thread that has it may queue it or leave it to the share; from there it is taken back. All
    that happens with the scheduler's lock held.
    """

    THREAD = "a thread, which runs a job or looks for the next one"
    QUEUE = "a place in the queue of a pool"
    SHARE = "the jobs that wait: the next one begins when one of them has ended"


class Job:
    """A function that was started, or will be."""

    # Of these few jobs have their own: setting them all would cost each job more than it does.
    place: Place | None = None
    looks = 0
    done = False
    in_place = False
    is_away = False
    """Whether it runs without a slot; see `Work`."""
    keeps_slot = False
    """Whether it has a slot and not the front, and counts in the share of its lane."""
    callbacks: list[Callable[[Job], object]] | None = None

    def __init__(
        self,
        lane: ThreadSeries,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        reserved: bool,
    ) -> None:
        self.lane = lane
        self.function = function
        self.args = args
        self.reserved = reserved
        # Of whoever starts it: another thread may run it.
        self.context = contextvars.copy_context()

    def overtake(self, said: bool) -> None:
        """Let the next job of its lane begin, since this one waits; see `Work`."""
        self.lane.overtake(self, said)

    def go_on(self) -> None:
        """Note that the function goes on after a wait; see `Work`."""
        self.lane.go_on(self)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the function has ended.

        Args:
            timeout: Seconds, or None to wait as long as it takes.
        """
        waiter = self.lane.create_waiter()
        self.add_done_callback(waiter.set)
        try:
            waiter.wait(timeout)
        except TimeoutError:
            return

    def add_done_callback(self, function: Callable[[Job], object], /) -> None:
        """Call a function that does not wait when this one has ended; see `Pending`."""
        with self.lane.lock:
            if self.callbacks is None:
                self.callbacks = []
            self.callbacks.append(function)
        if self.done:
            self._call_back()

    def _call_back(self) -> None:
        """Call every function once, whichever thread takes it."""
        with self.lane.lock:
            callbacks, self.callbacks = self.callbacks, None
        for function in callbacks or ():
            function(self)

    def run(self) -> None:
        """Run the function in a context of its own, a copy of the one that it was started in."""
        try:
            self.context.run(self.function, *self.args)
        except SystemExit:
            logger.debug("%r called sys.exit(), which ends no more than itself", self.function)
        except KeyboardInterrupt:
            raise
        except BaseException:
            logger.exception("unhandled error in %r", self.function)
        finally:
            self.lane.ended(self)
            self.done = True
            if self.callbacks is not None:
                self._call_back()


class ThreadSeries:
    """Runs functions one after another.

    Args:
        threads: Where they run.
    """

    __slots__ = (
        "_front",
        "_has_front",
        "_in_place",
        "_jobs",
        "_keeping",
        "_scheduler",
        "_threads",
        "ended",
    )

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._scheduler = threads.scheduler
        self._in_place = threads.in_place
        self.ended = self._scheduler.ended
        """Note that a job has run."""
        self._jobs: deque[Job] = deque()
        # Held as long as there is a next job; `_has_front` says by whom. Who has it, and nobody
        # else, takes jobs out of the queue.
        self._front = threads.primitives.create_lock()
        self._has_front = Front.THREAD
        # How many jobs keep a slot without having the front, others and reserved; None: never.
        self._keeping: list[int] | None = None

    @property
    def lock(self) -> Lock:
        """Held, never for long, by who changes what is known of jobs that wait."""
        return self._scheduler.lock

    def create_waiter(self) -> ThreadWaiter:
        """Return what one waits with for a job."""
        return ThreadWaiter(self._scheduler, self._threads.primitives)

    def start(self, function: Callable[..., Any], *args: Any) -> Job | None:
        """Run a function when those before it have ended; see `Runtime.start`."""
        return self._start(function, args, False)

    def start_reserved(self, function: Callable[..., Any], *args: Any) -> Job | None:
        """Run a function in a reserved slot; see `Series.start_reserved` of the seam."""
        return self._start(function, args, True)

    def _start(
        self, function: Callable[..., Any], args: tuple[Any, ...], reserved: bool
    ) -> Job | None:
        job = Job(self, function, args, reserved)
        scheduler = self._scheduler
        scheduler.started(job)
        place = scheduler.here.place
        reader = place.reader
        if (
            reader is not None
            and place.work is None
            and not self._jobs
            and self._in_place.allowed()
            and self._front.acquire(False)
        ):
            if self._keeping is None or self._may_begin(job):
                reader.placed()
                job.place = place
                job.in_place = True
                if self._in_place.run(self._run, job):
                    self._pass_front()
                return None
            self._front.release()
        self._jobs.append(job)
        if self._front.acquire(False):
            self._submit()
        if reserved:
            self._be_patient(job)
        return job

    def _may_begin(self, job: Job) -> bool:
        """Tell whether the lane's share allows a job; a series has none that keeps a slot."""
        return self._keeping is None or self._keeping[job.reserved] < self._threads.share()

    def _be_patient(self, job: Job) -> None:
        """Let a reserved job go past others if they do not begin; never in a series."""

    def _pass_front(self) -> None:
        """Let the next job begin, in a pool."""
        self._front.release()
        if self._jobs and self._front.acquire(False):
            self._submit()

    def _submit(self) -> None:
        """Let a pool run the jobs that wait, as soon as the share allows it; with the front."""
        try:
            job = self._jobs[0]
        except IndexError:  # somebody else had the front a moment ago, and has run all
            self._pass_front()
            return
        with self.lock:
            may_begin = self._may_begin(job)
            self._has_front = Front.QUEUE if may_begin else Front.SHARE
        if not may_begin:
            return
        if job.reserved:
            self._threads.reserved_pool.submit(self._run_reserved)
        else:
            self._threads.pool.submit(self._run_jobs)

    def _take_back(self, *states: Front) -> bool:
        """Take the front for the calling thread, unless it is in none of these states."""
        with self.lock:
            if self._has_front not in states:
                return False
            self._has_front = Front.THREAD
            return True

    def _run_reserved(self) -> None:
        self._run_jobs(reserved=True)

    def _run_jobs(self, reserved: bool = False) -> None:
        """Run the jobs that wait, as long as this thread is in front.

        Args:
            reserved: Whether those with reserved slots; others are for another pool.
        """
        if not self._take_back(Front.QUEUE):
            return  # the place in the queue was given up for another one
        place = self._scheduler.here.place
        for _ in range(TURNS):
            try:
                job = self._jobs[0]
            except IndexError:
                self._pass_front()
                return
            if job.reserved != reserved or not self._may_begin(job):
                break
            self._jobs.popleft()
            job.place = place
            if not self._run(job):
                return
        self._submit()

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
        place = job.place
        assert place is not None  # it has begun
        outer, place.work = place.work, job
        try:
            job.run()
        finally:
            place.work = outer

    def overtake(self, job: Job, said: bool) -> None:
        """Note that a job waits: nothing begins before it has ended."""

    def go_on(self, job: Job) -> None:
        """Note that a job goes on; it has never lost its turn."""


class Lane(ThreadSeries):
    """Runs functions in order, each when the one before has ended or waits."""

    __slots__ = ()

    def _run(self, job: Job) -> bool:
        scheduler = self._scheduler
        scheduler.runs(job)
        try:
            self._call(job)
        except BaseException:
            if scheduler.take_front(job):
                self._pass_front()
            else:
                self._end_late(job)
            raise
        if scheduler.take_front(job):
            return True
        self._end_late(job)
        return False

    def _end_late(self, job: Job) -> None:
        """Note the end of a job after which the next one had begun already."""
        self._has_waited(job)
        if job.is_away and job.place is not None and job.place.worker is not None:
            job.place.worker.rejoin()

    def overtake(self, job: Job, said: bool) -> None:
        """Let the next job begin, since this one waits; harmless when it has begun.

        Args:
            job: The one that waits.
            said: Whether it gives its slot away meanwhile.
        """
        if not self._scheduler.take_front(job):
            if said:
                self._has_waited(job)
            return
        if job.in_place:
            self._in_place.lost(STOPPED)
        if not said:
            with self.lock:
                self._keep_slot(job)
        self._pass_front()

    def go_on(self, job: Job) -> None:
        """Note that a job goes on after a wait: without a slot, if the lane has its share."""
        with self.lock:
            job.is_away = not self._may_begin(job)
            if not job.is_away:
                self._keep_slot(job)

    def _keep_slot(self, job: Job) -> None:
        """Count a job that has a slot, and not the front; called with the lock held."""
        if job.done or job.keeps_slot:
            return
        job.keeps_slot = True
        if self._keeping is None:
            self._keeping = [0, 0]
        self._keeping[job.reserved] += 1

    def _has_waited(self, job: Job) -> None:
        """Let others begin instead of a job that has ended, or waits and gives its slot away."""
        with self.lock:
            if not job.keeps_slot:
                return
            job.keeps_slot = False
            assert self._keeping is not None  # it counts
            self._keeping[job.reserved] -= 1
        if self._take_back(Front.SHARE):
            self._submit()

    def _be_patient(self, job: Job) -> None:
        try:
            first = self._jobs[0]
        except IndexError:
            return  # it has begun
        if first is job:
            return  # it is the next
        self._scheduler.call_later(PATIENCE, self._go_past, job, first)

    def _go_past(self, job: Job, first: Job) -> None:
        """Let a reserved job begin if none has begun for a while.

        Args:
            job: The job.
            first: The one that was the next when the while began.
        """
        jobs = self._jobs
        if job.place is not None or job not in jobs:
            return  # it has begun
        if jobs[0] is not first or not self._take_back(Front.QUEUE, Front.SHARE):
            self._be_patient(job)
            return
        with contextlib.suppress(ValueError):  # it has just begun
            jobs.remove(job)
            place = 0
            while place < len(jobs) and jobs[place].reserved:  # they keep their order
                place += 1
            jobs.insert(place, job)
        self._submit()
