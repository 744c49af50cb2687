"""An event loop in a thread of its own, for what outlives the loops of the application.

A worker may run each of its tasks in a loop of its own. A connection that was made in such a loop
ends with it, or is left behind open when the loop is closed without a word.
"""

from __future__ import annotations

import asyncio
import threading

from ..._core import forks

_LAST_SECONDS = 1.0
"""How long what still runs may take when nobody needs the loop any more."""


class LoopThread:
    """Starts the thread for its first user, and ends it after the last one."""

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        # Whoever is collected gives the loop back, perhaps while this thread holds the lock.
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._users = 0

    def after_fork(self) -> None:
        """Leave the thread and its loop to the parent; see `forks`."""
        forks.keep(self._loop)
        self._begin_anew()

    def acquire(self) -> asyncio.AbstractEventLoop:
        """Return the running loop; to be given back by `release`."""
        with self._lock:
            self._users += 1
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run, args=(loop,), name="socketio-emitter", daemon=True
                ).start()
            return self._loop

    def release(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the loop back; nothing happens if it is one of the parent process."""
        with self._lock:
            if loop is not self._loop:
                return
            self._users -= 1
            if self._users:
                return
            self._loop = None
        loop.call_soon_threadsafe(loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_end())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _end() -> None:
    """Wait for what ends by itself, and cancel the rest."""
    own = asyncio.current_task()
    for cancels in (False, True):
        tasks = asyncio.all_tasks() - {own}
        if cancels:
            for task in tasks:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_SECONDS)
