"""When a coroutine that takes message after message of one client may go on.

A queue or a buffer that is never empty never lets go of the event loop: `await` does not suspend
where there is nothing to wait for. So whoever takes messages out of one looks at the clock.
"""

from __future__ import annotations

import asyncio
import time

CLIENT_TURN = 0.001
"""Seconds for which one client's messages are dealt with before others have a turn."""


class ReadingTurns:
    """The turns of one client's reader in an event loop, and its pauses."""

    __slots__ = ("_ends", "_resumed", "_waited")

    def __init__(self) -> None:
        self._waited = False
        self._ends = 0.0
        self._resumed: asyncio.Future[None] | None = None

    def pause(self) -> None:
        """Let `wait` wait until `resume`."""
        if self._resumed is None:
            self._resumed = asyncio.get_running_loop().create_future()

    def resume(self) -> None:
        """Let the reader go on; harmless when it does."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    def are_over(self) -> bool:
        """Tell whether the reader has to `wait` before it takes the next message."""
        return self._resumed is not None or time.monotonic() > self._ends

    async def wait(self) -> None:
        """Wait until it is the reader's turn again."""
        while self._resumed is not None:
            await self._resumed
        self._waited = True
        await asyncio.sleep(0)
        self._ends = time.monotonic() + CLIENT_TURN

    def were_over(self) -> bool:
        """Tell whether the reader has waited for others since this was asked last."""
        waited, self._waited = self._waited, False
        return waited

    def received(self) -> None:
        """Note that a message has come; if that was after a wait, all others had their turn."""
        now = time.monotonic()
        if now > self._ends:
            self._ends = now + CLIENT_TURN
