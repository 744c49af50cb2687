"""Closing the clients in time when a web server in an event loop stops.

Web servers let requests end before they tell an application that they stop, or tell it nothing; a
poll would keep them waiting until its next ping, or be cut off. So what announces the stop is
watched: the signals (see `signals`), and the task in which Hypercorn's workers wait for their end.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.process_end import EXIT_SECONDS
from ..runtimes.asyncio.tasks import create_task
from .signals import SignalHandlers

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine

SECONDS = 0.5
"""How long the last packets may take to leave."""

TICK = 0.01
"""Seconds between two looks whether disconnect handlers still run."""

FLUSH_SECONDS = 0.05
"""How long the web server gets to write the answers that it has been given."""

HYPERCORN_TASK = "raise_shutdown"
"""The coroutine in which Hypercorn waits for its end."""


def close_when_stopped(
    engine: AsyncEngine, *, unhandled_signals: bool = False
) -> Callable[[], None]:
    """Close all connections as soon as the web server is told to stop.

    Args:
        engine: An engine in the event loop that runs now.
        unhandled_signals: Whether to act on signals as well that nobody handles; the process
            ends by them afterwards, as it would have.

    Returns:
        A function that ends the watch.
    """
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = StopWatch(loop)
    watch.add(engine, unhandled_signals)
    return lambda: watch.remove(engine)


class StopWatch:
    """What is watched in one event loop.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._engines: list[AsyncEngine] = []
        self._signals = SignalHandlers(self._signalled)
        self._tasks: set[asyncio.Task[None]] = set()
        self._hypercorn: asyncio.Task[Any] | None = None

    def add(self, engine: AsyncEngine, unhandled_signals: bool) -> None:
        """Close an engine too when the server stops."""
        if engine not in self._engines:
            self._engines.append(engine)
        self._signals.replace(unhandled_signals)
        if self._hypercorn is None:
            self._find_hypercorn()

    def remove(self, engine: AsyncEngine) -> None:
        """Close an engine no more; with the last one the handlers are put back."""
        if engine in self._engines:
            self._engines.remove(engine)
        if not self._engines:
            self._signals.put_back()
            # The table knows its keys weakly, but this knows the loop.
            if _watches.get(self._loop) is self:
                del _watches[self._loop]

    def _find_hypercorn(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            if getattr(task.get_coro(), "__name__", "") == HYPERCORN_TASK:
                self._hypercorn = task
                task.add_done_callback(lambda _: self._close(None))

    def _signalled(self, number: int) -> None:
        self._loop.call_soon_threadsafe(self._close, number)

    def _close(self, number: int | None) -> None:
        task = create_task(self._close_clients(number), loop=self._loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close_clients(self, number: int | None) -> None:
        engines = list(self._engines)
        for engine in engines:
            engine.begin_shutdown()
        with contextlib.suppress(TimeoutError):  # the process was told to end, and does
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*[create_task(engine.shutdown()) for engine in engines])
                # What their disconnect handlers emit comes before what others say at the end.
                while any(engine.consumer.has_clients() for engine in engines):
                    await asyncio.sleep(TICK)
        if number is None:
            return
        if self._signals.ends_process(number):
            # Nobody else comes by any more, and what was emitted is still on its way.
            servers: list[Any] = [e.consumer for e in engines if e.consumer.has_begun()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXIT_SECONDS):
                    await asyncio.gather(*[create_task(server.shutdown()) for server in servers])
        await asyncio.sleep(FLUSH_SECONDS)
        self._signals.pass_on(number)


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, StopWatch] = (
    weakref.WeakKeyDictionary()
)
