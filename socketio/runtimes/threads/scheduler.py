"""Who runs, who waits and who reads: what the threads of one runtime know of each other.

Three things pass from thread to thread. The *front* of a lane belongs to the function that runs,
until it ends or waits. A worker's *slot* belongs to it until it waits. *Reading* belongs to the
thread that takes messages from sockets, until what it runs in place waits. Each belongs to
whoever takes the owner out of its table, which is one operation: the owner itself at the end, or
somebody who sees it wait.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .primitives import Primitives
from .standstill import ThreadClock
from .timers import TimerThread

TICK = 0.01
"""Seconds between two looks at which functions wait without having said so."""

LOOKS = 3
"""How often a function is seen at work until it is taken for one that waits, if it stands still."""

MOST_LOOKS = 100
"""How often a function is seen at work until the next one begins in any case: one that looks again
and again whether something has happened sleeps too shortly to be seen asleep."""

QUIET_TICKS = 50
"""After so many ticks without a running function the looking ends until the next one."""


class Worker(Protocol):
    """A thread of a pool."""

    def leave(self) -> None:
        """Give its slot away."""

    def rejoin(self) -> None:
        """Be counted again."""


class Work(Protocol):
    """A function in a thread."""

    place: Place | None
    """Where it runs."""
    looks: int
    """How often it was seen at work."""
    is_away: bool
    """Whether it runs without a slot, because others of its lane have the lane's share of them."""

    def overtake(self, said: bool) -> None:
        """Let the next one begin, since this one waits; harmless when it has begun.

        Args:
            said: Whether it has said so, and gives its slot away too.
        """

    def go_on(self) -> None:
        """Note that it goes on after a wait of which it has said so, and whether without a slot."""


class Reader(ABC):
    """One thread's turn of reading messages, whose handlers it may run in place.

    When the reader is stuck with a message, others read on. What comes behind that message on the
    same connection must not be dealt with before the message itself has its place in the order: a
    thread that the system has stopped between reading and starting the handler would be
    overtaken.

    Args:
        scheduler: Who else reads.
    """

    __slots__ = ("_is_placed", "_owed", "_reading")

    def __init__(self, scheduler: Scheduler) -> None:
        self._reading = scheduler.reading
        self._is_placed = False
        # Whoever takes what is in here lets the connection go on.
        self._owed: list[bool] = []

    def begin(self) -> float:
        """Note that a message is dealt with from now on; return the time."""
        self._is_placed = False
        began = self._reading[self] = time.monotonic()
        return began

    def end(self) -> bool:
        """Note that the message is dealt with; return whether this thread still reads."""
        if self._reading.pop(self, None) is not None:
            return True
        self.placed()
        return False

    def placed(self) -> None:
        """Note that the message has its place in the order: the next one may be dealt with."""
        # First noted, then looked: `hand_over` does it the other way round, so that one of both
        # sees that the other was there.
        self._is_placed = True
        if self._owed:
            self._pay()

    def hand_over(self) -> None:
        """Let another thread read on; harmless when one does already."""
        if self._reading.pop(self, None) is not None:
            self._stop_connection()
            self._owed.append(True)
            if self._is_placed:
                self._pay()
            self._read_others()

    def _pay(self) -> None:
        try:
            self._owed.pop()
        except IndexError:
            return  # another thread has
        self._read_connection()

    @abstractmethod
    def _stop_connection(self) -> None:
        """Keep what comes on this connection until `_read_connection`."""

    @abstractmethod
    def _read_connection(self) -> None:
        """Let another thread take what comes behind the message."""

    @abstractmethod
    def _read_others(self) -> None:
        """Let another thread take what comes on other connections."""


class Place:
    """What one thread does for a runtime."""

    __slots__ = ("clock", "reader", "work", "worker")

    def __init__(self) -> None:
        self.clock: ThreadClock | None = None
        self.worker: Worker | None = None
        self.work: Work | None = None
        self.reader: Reader | None = None


class _Current(threading.local):
    scheduler: Scheduler | None = None


current = _Current()
"""The scheduler of the runtime for which the calling thread works, if it does."""


class _Waiting:
    """The time that a thread spends in `Scheduler.waiting`."""

    __slots__ = ("_place", "_work", "_worker")

    def __init__(self, place: Place) -> None:
        self._place = place
        self._work: Work | None = None
        self._worker: Worker | None = None

    def __enter__(self) -> None:
        place = self._place
        self._work = place.work
        if self._work is not None:
            self._work.overtake(said=True)
        if place.reader is not None:
            reader, place.reader = place.reader, None
            reader.hand_over()
        self._worker = place.worker
        if self._worker is not None and not (self._work is not None and self._work.is_away):
            self._worker.leave()

    def __exit__(self, *exception: object) -> None:
        if self._work is not None:
            self._work.go_on()
        if self._worker is not None and not (self._work is not None and self._work.is_away):
            self._worker.rejoin()


class Scheduler:
    """Knows which functions run, wait and read in the threads of one runtime.

    Args:
        primitives: What threads are made of.
        timers: Calls it from time to time while something runs.
    """

    def __init__(self, primitives: Primitives, timers: TimerThread) -> None:
        self._timers = timers
        self._primitives = primitives
        self._unfinished: set[Work] = set()
        self._running: dict[Work, bool] = {}  # in the order of their start
        self.reading: dict[Reader, float] = {}
        """Who reads and runs other people's code, with the time since when; for `Reader` alone."""
        # While somebody looks, greenlets wait for certain; threads may only be slow.
        greenlets = not primitives.socket_loop
        self._looks = 1 if greenlets else LOOKS
        self._patience = 0.0 if greenlets else TICK
        self._closed = False
        self._create_clock = primitives.create_clock
        self.begin_anew()
        # These are called for each function: a method of our own would cost each of them a call.
        self.started: Callable[[Work], None] = self._unfinished.add
        """Note that a function will run, now or later."""
        self.ended: Callable[[Work], None] = self._unfinished.discard
        """Note that a function has run."""

    def begin_anew(self) -> None:
        """Know of no thread, as at first or in a forked child: the others do not exist there."""
        self._unfinished.clear()
        self._running.clear()
        self.reading.clear()
        self._watching = False
        self._quiet_ticks = 0
        self._looked = 0.0
        self._late = False
        self.lock = self._primitives.create_lock()
        """Held, never for long, by who deals with functions that wait or have waited."""

        class Here(self._primitives.local):  # type: ignore[name-defined,misc]  # a class, though not known before
            def __init__(self) -> None:
                self.place = Place()

        self.here: Any = Here()
        """Has the attribute `place`: what the calling thread does for the runtime."""

    def works(self, worker: Worker) -> None:
        """Note that the calling thread is a worker."""
        place = self.here.place
        place.worker = worker
        place.clock = self._create_clock()
        current.scheduler = self

    def waiting(self) -> AbstractContextManager[None]:
        """Return what `with` takes around a wait: others have this thread's turn meanwhile."""
        return _Waiting(self.here.place)

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> None:
        """Call a function that does not wait, `delay` seconds from now, closed or not."""
        self._timers.call_later(delay, function, *args, outlives_close=True)

    # -- functions that have the front of their lane ------------------------------------------

    def runs(self, work: Work) -> None:
        """Note that a function runs, and that others wait for it."""
        self._running[work] = True
        if not self._watching:
            self.watch()

    def take_front(self, work: Work) -> bool:
        """Take a running function's front away; return False if another thread has."""
        return self._running.pop(work, None) is not None

    # -- what all of them do --------------------------------------------------------------

    def is_idle(self) -> bool:
        """Tell whether no function runs or is due to, the caller's own left aside."""
        return not self.reading and not self._unfinished - {self.here.place.work}

    @property
    def running(self) -> int:
        """How many functions keep others of their lane from beginning."""
        return len(self._running)

    def close(self) -> None:
        """Look no longer than functions run."""
        self._closed = True

    def watch(self) -> None:
        """Look from now on at what runs long."""
        if not self._watching:
            self._watching = True
            self._quiet_ticks = 0
            self._timers.call_later(TICK, self._look, outlives_close=True)

    def _look(self) -> None:
        """Pass on the turn of everybody who stands still."""
        now = time.monotonic()
        # When the whole process stood still, this look says nothing about anybody.
        was_late, self._late = self._late, now - self._looked > 3 * TICK
        if was_late or not self._late:
            for work in list(self._running):
                work.looks += 1
                if self._waits(work):
                    work.overtake(said=False)
        self._looked = now
        for reader, began in list(self.reading.items()):
            if began <= now - self._patience:
                reader.hand_over()
        if self._running or self.reading:
            self._quiet_ticks = 0
        else:
            self._quiet_ticks += 1
            if self._quiet_ticks > QUIET_TICKS or self._closed:
                self._watching = False
                if not self._running:
                    return
                self._watching = True  # one began in between, and saw that somebody looks
        self._timers.call_later(TICK, self._look, outlives_close=True)

    def _waits(self, work: Work) -> bool:
        """Tell whether a function is to be taken for one that waits."""
        clock = None if work.place is None else work.place.clock
        if clock is None:
            return work.looks >= self._looks
        # The look before tells the clock from when on nothing may have happened.
        stands_still = work.looks >= self._looks - 1 and clock.stands_still()
        return (stands_still and work.looks >= self._looks) or work.looks >= MOST_LOOKS
