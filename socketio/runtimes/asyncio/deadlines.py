"""Time limits of waits in an event loop, without a timer for each of them."""

from __future__ import annotations

import asyncio
from typing import Any

MAX_KEPT = 16
"""Timers that may be left without a wait: as many lengths as an application has constants."""


class Deadlines:
    """Ends waits that take too long.

    Waits of one length end in the order in which they began, so one timer serves all of them: a
    server that calls thousands of clients has one timer, not thousands.

    Args:
        loop: The event loop in which everything happens.
    """

    __slots__ = ("_lengths", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lengths: dict[float, _Length] = {}

    def __len__(self) -> int:
        return sum(len(length.waiting) for length in self._lengths.values())

    def add(self, future: asyncio.Future[Any], seconds: float) -> None:
        """Let a future fail with `TimeoutError` after some seconds, unless it is done before."""
        length = self._lengths.get(seconds)
        if length is None:
            timer = self._loop.call_later(seconds, self._expire, seconds)
            length = self._lengths[seconds] = _Length(timer)
        length.waiting[future] = self._loop.time() + seconds

    def discard(self, future: asyncio.Future[Any], seconds: float) -> None:
        """Forget a future that was added with these seconds."""
        length = self._lengths.get(seconds)
        if length is None:
            return
        length.waiting.pop(future, None)
        # A timer without waits is cheaper kept, for the next wait, than made anew.
        if not length.waiting and len(self._lengths) > MAX_KEPT:
            length.timer.cancel()
            del self._lengths[seconds]

    def _expire(self, seconds: float) -> None:
        """Let those fail that are due, and come again when the next one is."""
        length = self._lengths[seconds]
        waiting = length.waiting
        now = self._loop.time()
        while waiting:
            future, deadline = next(iter(waiting.items()))
            if deadline > now:
                length.timer = self._loop.call_at(deadline, self._expire, seconds)
                return
            del waiting[future]
            if not future.done():
                future.set_exception(TimeoutError())
        del self._lengths[seconds]


class _Length:
    """The waits of one length, with their deadlines, in order."""

    __slots__ = ("timer", "waiting")

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.waiting: dict[asyncio.Future[Any], float] = {}
        self.timer = timer
