"""What waits to be published, in order and within bounds (a data structure, no I/O)."""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import islice

BATCH_MESSAGES = 500
"""How many messages travel together at most."""

BATCH_BYTES = 1 << 20
"""How many bytes travel together at most, unless one message has more."""


class Outbox:
    """A bounded queue of encoded messages; any thread may add, one publisher takes.

    A message stays in it until its publication is certain, so a lost connection loses nothing:
    what was under way is sent again. What does not fit is refused and counted, so that what is in
    it stays complete and in order.

    Args:
        max_messages: How many messages it holds at most.
        max_bytes: How many bytes it holds at most.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.bytes = 0
        """How many bytes wait now."""
        self.added = 0
        """How many messages were taken in so far."""
        self.sent = 0
        """How many messages have left it so far."""
        self.dropped = 0
        """How many messages did not fit, here or into the broker."""
        self.dropped_at: float | None = None
        """When the last of them was dropped, as in `time.time()`."""
        self._high_messages = max_messages // 2
        self._high_bytes = max_bytes // 2
        self._messages: deque[bytes] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def high(self) -> bool:
        """Whether so much waits that who can wait should, before adding more: half of it all."""
        return len(self._messages) > self._high_messages or self.bytes > self._high_bytes

    def add(self, message: bytes) -> bool:
        """Append a message, unless it does not fit.

        Returns:
            False when it was dropped.
        """
        size = len(message)
        with self._lock:
            if len(self._messages) >= self.max_messages or self.bytes + size > self.max_bytes:
                self._note_dropped(1)
                return False
            self._messages.append(message)
            self.bytes += size
            self.added += 1
            return True

    def batch(self, most: int | None = None) -> list[bytes]:
        """Return the oldest messages, as many as travel together; they stay in the outbox.

        Args:
            most: How many bytes that may be, unless one message has more; None for as many as
                usual.
        """
        most = BATCH_BYTES if most is None else most
        with self._lock:
            batch = list(islice(self._messages, BATCH_MESSAGES))
        size = 0
        for index, message in enumerate(batch):
            size += len(message)
            if size > most and index:
                return batch[:index]
        return batch

    def discard(self, count: int, *, refused: bool = False) -> None:
        """Remove the oldest messages: they have been published.

        Args:
            count: How many.
            refused: They have not been: the broker will never take them.
        """
        with self._lock:
            for _ in range(count):
                self.bytes -= len(self._messages.popleft())
            self.sent += count
            if refused and count:
                self._note_dropped(count)

    def _note_dropped(self, count: int) -> None:
        self.dropped += count
        self.dropped_at = time.time()
