"""Where a driver that is called with each message keeps them until they are asked for.

It is for asyncio drivers (`socketio.abc.driver`) whose client library pushes messages through a
callback or a task, and knows nothing of the messages.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["AsyncInbox"]

HIGH_WATER = 10_000
"""How many messages may lie here before `room` makes the source wait."""

HIGH_BYTES = 8 << 20
"""How many bytes may, of messages that are bytes."""


class AsyncInbox:
    """Messages on their way from a client library to `BusDriver.receive`."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._bytes = 0
        self._error: BaseException | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._room.set()

    def put(self, message: Any) -> None:
        """Take a message from the client library."""
        self._messages.append(message)
        if type(message) is bytes:
            self._bytes += len(message)
        if len(self._messages) >= HIGH_WATER or self._bytes >= HIGH_BYTES:
            self._room.clear()
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Make `receive` raise an error once the messages are gone: the connection is lost."""
        if self._error is None:
            self._error = error
            self._wake()

    async def room(self) -> None:
        """Wait until the receiver has caught up, so that a slow one slows the source down."""
        await self._room.wait()

    async def receive(self, timeout: float) -> list[Any]:
        """Return what has come, after waiting for at most `timeout` seconds.

        Raises:
            Exception: What `fail` was given.
        """
        if not self._messages and self._error is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(timeout, self._wake)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        messages, self._messages = self._messages, []
        self._bytes = 0
        self._room.set()
        if not messages and self._error is not None:
            raise self._error
        return messages

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
