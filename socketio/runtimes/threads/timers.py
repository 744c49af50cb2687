"""Calls that are due later, made by one thread.

The thread starts with the first timer and ends when there has been none for a while.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any

from ..._core.logs import escaped
from .primitives import Primitives

logger = logging.getLogger("socketio.runtime")

IDLE_SECONDS = 5.0
"""How long the thread is kept without a timer."""


class ThreadTimer:
    """A call that is due later."""

    __slots__ = ("args", "function", "outlives_close")

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], outlives_close: bool = False
    ) -> None:
        self.function: Callable[..., Any] | None = function
        self.args = args
        self.outlives_close = outlives_close

    def cancel(self) -> None:
        """Take the call back; harmless when it has happened."""
        self.function = None
        self.args = ()


class TimerThread:
    """A heap of timers and the thread that makes their calls.

    Args:
        primitives: What threads are made of.
    """

    def __init__(self, primitives: Primitives) -> None:
        self._primitives = primitives
        self._order = itertools.count()
        self._closed = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Have no timers and no thread, as at first or in a forked child."""
        self._lock = self._primitives.create_lock()
        self._wake = self._primitives.create_event()
        self._heap: list[tuple[float, int, ThreadTimer]] = []
        self._alive = False

    def call_later(
        self,
        delay: float,
        function: Callable[..., Any],
        *args: Any,
        outlives_close: bool = False,
    ) -> ThreadTimer:
        """Call a function that does not wait, `delay` seconds from now.

        Args:
            delay: In seconds.
            function: The function.
            *args: Its arguments.
            outlives_close: Whether it is called even if `close` comes before.
        """
        timer = ThreadTimer(function, args, outlives_close)
        entry = (time.monotonic() + delay, next(self._order), timer)
        with self._lock:
            if self._closed and not outlives_close:
                return timer
            heapq.heappush(self._heap, entry)
            first = self._heap[0] is entry
            spawn, self._alive = not self._alive, True
        if spawn:
            self._spawn()
        elif first:
            self._wake.set()
        return timer

    def close(self) -> None:
        """Drop all timers and end the thread, those left aside that outlive this.

        Later timers are never due, with the same exception.
        """
        with self._lock:
            self._closed = True
            self._heap = [entry for entry in self._heap if entry[2].outlives_close]
            heapq.heapify(self._heap)
        self._wake.set()

    def _run(self) -> None:
        try:
            self._make_calls()
        except BaseException:  # Ctrl-C, in whichever greenlet it comes
            with self._lock:
                # Another thread makes the calls that are due, now or with the next timer.
                again = self._alive = bool(self._heap)
            if again:
                self._spawn()
            raise

    def _spawn(self) -> None:
        try:
            self._primitives.spawn(self._run, "socketio-timers")
        except RuntimeError as error:
            # The interpreter is ending and starts no threads: nothing is due any more.
            self._alive = False
            logger.debug("no timers: %s", escaped(error))

    def _make_calls(self) -> None:
        while True:
            self._wake.clear()
            with self._lock:
                if self._closed and not self._heap:
                    self._alive = False
                    return
                timeout = self._heap[0][0] - time.monotonic() if self._heap else IDLE_SECONDS
            if timeout > 0:
                woken = self._wake.wait(timeout)
                with self._lock:
                    if not self._heap and (self._closed or not woken):
                        self._alive = False
                        return
                continue
            self._call_due()

    def _call_due(self) -> None:
        while True:
            with self._lock:
                if not self._heap or self._heap[0][0] > time.monotonic():
                    return
                timer = heapq.heappop(self._heap)[2]
            function, args = timer.function, timer.args
            if function is None:
                continue
            try:
                function(*args)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                logger.exception("unhandled error in timer %r", function)
