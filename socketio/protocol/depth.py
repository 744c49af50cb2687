"""How deeply values may be nested: the same in both directions and in every serializer.

What is accepted can be sent back then, by whatever serializer and through every message queue:
each of them has a limit of its own somewhere above.
"""

from __future__ import annotations

from typing import Any, Final

from ..exceptions import ProtocolError

try:
    import orjson
except ImportError:  # the extra `fast` is optional
    orjson = None  # type: ignore[assignment]  # absence is tested below

MAX_DEPTH: Final = 240
"""Levels of lists and dicts in the payload of a packet, the list of its arguments included.

orjson writes 254, and on a message queue a payload lies a few levels deeper.
"""

_ORJSON_DEPTH: Final = 254
"""Levels that `orjson.dumps` writes."""

_SHALLOW: Final = 2 * MAX_DEPTH
"""A text of so many characters has no room for more levels: each has two brackets."""


def may_be_deep(text: str) -> bool:
    """Tell whether a JSON text has brackets enough for more levels than allowed."""
    return len(text) > _SHALLOW and text.count("[") + text.count("{") > MAX_DEPTH


def too_deep(value: Any) -> bool:
    """Tell whether a value has more levels than allowed."""
    if orjson is not None:
        wrapped = value
        for _ in range(_ORJSON_DEPTH - MAX_DEPTH):
            wrapped = [wrapped]
        try:
            # Several times as fast as looking at each value from here.
            orjson.dumps(wrapped, _nothing, orjson.OPT_PASSTHROUGH_DATACLASS)
        except TypeError:
            pass  # it is too deep, or it has what JSON does not: look closely
        else:
            return False
    # Without recursion: the value may be nested more deeply than Python's stack allows.
    level = [value] if isinstance(value, dict | list | tuple) else []
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list | tuple)
        ]
        if not level:
            return False
    return True


def _nothing(value: Any) -> None:
    """Stand for a value that JSON does not have, which has no levels."""


def check_received(value: Any) -> None:
    """Refuse what a peer has nested too deeply.

    Raises:
        ProtocolError: More than `MAX_DEPTH` levels.
    """
    if too_deep(value):
        raise ProtocolError(f"a payload of more than {MAX_DEPTH} levels of lists and dicts")


def check_sendable(value: Any) -> None:
    """Refuse to send what no peer of this library would take.

    Raises:
        ValueError: More than `MAX_DEPTH` levels.
    """
    if too_deep(value):
        raise ValueError(
            f"cannot send a value of more than {MAX_DEPTH} levels of lists and dicts "
            "(the list of an event's arguments is one): flatten it"
        )
