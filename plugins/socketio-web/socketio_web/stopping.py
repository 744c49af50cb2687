"""Closing the clients before the process ends, for servers that tell nobody that they stop.

Called by asyncio modes with their first request; it knows signals and event loops.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

SECONDS = 0.8
"""How long closing the clients may take."""


class StopOnSignal:
    """Shuts a server down when the process is told to end, and lets it end then.

    A signal that the program handles itself is passed on to its handler afterwards; one that it
    does not handle does what it would have done. A second signal is passed on at once.

    Args:
        server: Has a coroutine method `shutdown`.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self._previous: dict[int, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Handle the signals from now on; outside of the main thread nobody can."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN and handler is not None:
                self._previous[number] = handler
                signal.signal(number, self._stop)

    def _stop(self, number: int, frame: Any) -> None:
        for each, handler in self._previous.items():
            signal.signal(each, handler)
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._shut_down, number)

    def _shut_down(self, number: int) -> None:
        assert self._loop is not None
        self._task = self._loop.create_task(self._close_clients())
        self._task.add_done_callback(lambda _: self._end(number))

    async def _close_clients(self) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await self._server.shutdown()
        except TimeoutError:
            pass  # the process was told to end, and does

    def _end(self, number: int) -> None:
        assert self._task is not None
        if not self._task.cancelled() and self._task.exception() is not None:
            self._server.logger.error("shutdown failed", exc_info=self._task.exception())
        handler = self._previous[number]
        if callable(handler):
            handler(number, None)
        else:
            signal.raise_signal(number)
