"""The offset that a server with connection state recovery appends to its events.

Our clients do not ask for recovery, but must not take the offset for an argument. The JavaScript
server appends it to every event without an ack that is not volatile, and to nothing else; it is the
time in milliseconds in base 64, with a counter after a dot when two events fall into one
millisecond.
"""

from __future__ import annotations

import re
from typing import Any, Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}
_OFFSET: Final = re.compile(r"([0-9A-Za-z_-]{7})(?:\.[0-9A-Za-z_-]+)?")

CLOCK_DIFFERENCE: Final = 7 * 86400.0
"""Seconds by which the server's clock may differ from ours."""


def is_offset(value: Any, now: float) -> bool:
    """Tell whether the last argument of an event is the server's offset.

    Args:
        value: The argument.
        now: The time in seconds since 1970.
    """
    if not isinstance(value, str) or (match := _OFFSET.fullmatch(value)) is None:
        return False
    milliseconds = 0
    for character in match[1]:
        milliseconds = milliseconds * 64 + _DIGITS[character]
    return abs(milliseconds / 1000 - now) < CLOCK_DIFFERENCE
