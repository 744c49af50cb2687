"""What a message takes in memory once it is decoded, by an estimate that costs little.

A megabyte of `[[],[],…` becomes thirty megabytes of lists, and one of text stays a megabyte. To
measure the objects would take longer than to make them, so the marks between values are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

VALUE: Final = 72
"""Bytes that a value takes at most besides its text: a list or dict, or an entry in one of them."""

SHORT: Final = 64
"""Characters up to which a message counts at its length: the rest is in what any message costs."""

WORTH_A_LOOK: Final = 65_536
"""Bytes from which it is looked whether the marks stand in texts."""

LONG: Final = 1_000
"""Characters of a text in which marks are looked for."""

FEW: Final = 100
"""Members of a container that are looked at."""

MARKS: Final = (",", ":", "[", "{")
HEADS: Final = bytes(range(0x80, 0xA0))
"""First bytes of short maps and arrays in MessagePack."""


def decoded_size(message: str | bytes, arguments: Iterable[Any] = ()) -> int:
    """Return about how many bytes a message takes when it is decoded.

    Args:
        message: The message.
        arguments: What was decoded. In a long text among these, a mark is a character as any other.
    """
    if len(message) <= SHORT:
        return len(message)
    if isinstance(message, bytes):
        return len(message) + VALUE * (len(message) - len(message.translate(None, HEADS)))
    size = sys.getsizeof(message) + VALUE * _marks(message)
    if size > WORTH_A_LOOK:
        size -= VALUE * sum(map(_marks, _long_texts(arguments)))
    return size


def _marks(text: str) -> int:
    return sum(map(text.count, MARKS))


def _long_texts(arguments: Iterable[Any]) -> Iterator[str]:
    """Yield the long texts among arguments, and in those that are small containers."""
    for argument in arguments:
        if isinstance(argument, str):
            members: Iterable[Any] = (argument,)
        elif isinstance(argument, list) and len(argument) <= FEW:
            members = argument
        elif isinstance(argument, dict) and len(argument) <= FEW:
            members = tuple(argument.values())
        else:
            continue
        for member in members:
            if isinstance(member, str) and len(member) > LONG:
                yield member
