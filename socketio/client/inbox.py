"""What an Engine.IO client has received and the application has not dealt with, and its bounds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from ..abc.runtime import Pending

READ_MARK: Final = 4 << 20
"""Bytes of what waits for the application above which reading pauses until half of it is done."""

READ_LIMIT: Final = 64 << 20
"""Bytes of what waits for handlers above which nothing is read any more, whoever waits for it."""

MESSAGE_COST: Final = 1024
"""Bytes that a handler takes which waits, beside its message."""


class ClientInbox:
    """What has been received and waits for the application, counted at what it costs.

    Messages whose handlers have not ended are *held*; events that nobody has asked a simple
    client for are *kept*. Any thread may call.

    Args:
        changed: Called when reading may go on.
    """

    __slots__ = ("_changed", "_held", "_kept", "_lock", "_sizes")

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._held = 0
        self._kept = 0
        self._sizes: deque[int] = deque()

    @property
    def is_high(self) -> bool:
        """Whether reading is to pause, if nothing speaks against it."""
        return self._held + self._kept > READ_MARK

    @property
    def is_low(self) -> bool:
        """Whether reading is to go on after a pause."""
        return self._held + self._kept <= READ_MARK // 2

    @property
    def is_full(self) -> bool:
        """Whether reading is to pause, whatever speaks against it."""
        return self._held > READ_LIMIT

    def hold(self, pending: Pending, size: int) -> None:
        """Count a message until its handler has ended.

        Args:
            pending: The handler, which waits for its turn or for something else.
            size: The message's, in bytes.
        """
        size += MESSAGE_COST
        self._count(size)
        pending.add_done_callback(lambda _: self._count(-size))

    def _count(self, size: int) -> None:
        with self._lock:
            self._held += size
        if size < 0:
            self._changed()

    def keep(self, size: int) -> None:
        """Count an event until it is asked for; see `hold`."""
        size += MESSAGE_COST
        with self._lock:
            self._kept += size
            self._sizes.append(size)

    def leave(self, count: int) -> None:
        """Note how many events are kept that nobody has asked for yet."""
        with self._lock:
            while len(self._sizes) > count:
                self._kept -= self._sizes.popleft()
        self._changed()
