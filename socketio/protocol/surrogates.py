"""Lone surrogates: halves of characters beyond U+FFFF, which UTF-8 cannot carry.

JavaScript cuts strings between the two surrogates of a character, and JSON brings such a half along
as an escape. What leaves is an escape again where the format has one, and U+FFFD elsewhere.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""A surrogate in Python text, where both halves of a whole character are one code point."""

REPLACING: Final = "socketio.surrogates"
"""The name of an error handler for `str.encode` that writes U+FFFD for a lone surrogate."""


def escape_surrogates(text: str) -> str:
    """Return a JSON text that UTF-8 can carry: surrogates in it become escapes."""
    if text.isascii():  # a flag of the object, which costs nothing
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # They can stand only inside of strings, and no JSON escape ends in one.
        return LONE_SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return text


def replace_surrogates(text: str) -> str:
    """Return a text that UTF-8 can carry: halves that belong together are joined, others U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _replace(text)
    return text


def _replace(text: str) -> str:
    # UTF-16 joins two halves that stand side by side, as JavaScript does.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _replace_refused(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    # Bytes, because the encoder takes text from a handler only when that is ASCII.
    return _replace(error.object[error.start : error.end]).encode(), error.end


codecs.register_error(REPLACING, _replace_refused)
