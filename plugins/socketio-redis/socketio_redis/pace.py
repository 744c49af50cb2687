"""How far a publisher may run ahead of those who are subscribed (sans-I/O).

Redis answers a PUBLISH when it has put the message into the output buffer of each subscriber, and
cuts a subscriber off whose buffer passes a limit (`client-output-buffer-limit pubsub`, by default
32 MB). A publisher of large messages overruns subscribers that are not slow at all: it has to look,
from time to time, how much waits for them.
"""

from __future__ import annotations

import re

AHEAD = 2 << 20
"""Bytes that are published until the next look."""

BEHIND = 4 << 20
"""Bytes that may wait in Redis for one subscriber before we wait for it."""

STEP = 0.01
"""Seconds between two looks while we wait."""

PATIENCE = 0.5
"""Seconds for which we wait for a subscriber that takes nothing: it holds up nobody for long."""

LOOK = ("CLIENT", "LIST", "TYPE", "pubsub")
"""The command whose answer tells how much waits for each subscriber."""

_OUTPUT = re.compile(rb"\bomem=(\d+)")


class Pace:
    """What one connection has published, and how far the slowest subscriber is behind."""

    def __init__(self) -> None:
        self._published = 0
        self._blind = False
        self._least = 0
        self._since = 0.0

    def note(self, messages: list[bytes]) -> bool:
        """Note what is to be published; return whether to look before that."""
        if self._blind:
            return False
        self._published += sum(map(len, messages))
        if self._published < AHEAD:
            return False
        self._published = 0
        self._least = -1
        return True

    def wait(self, listing: bytes, now: float) -> float:
        """Return for how many seconds to wait before the next look; 0 to go on.

        Args:
            listing: The answer to `LOOK`.
            now: The time, in seconds.
        """
        behind = max(map(int, _OUTPUT.findall(listing)), default=0)
        if behind <= BEHIND:
            return 0.0
        if self._least < 0 or behind < self._least:
            self._least, self._since = behind, now
        return STEP if now - self._since < PATIENCE else 0.0

    def give_up(self) -> None:
        """Look no more: this server does not answer, or not us."""
        self._blind = True
