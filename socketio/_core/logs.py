"""What the `logger` arguments mean, and what of a peer's text may stand in a log line."""

from __future__ import annotations

import hashlib
import logging
import re


def choose_logger(logger: logging.Logger | bool, name: str) -> logging.Logger:
    """Return the logger that a `logger` argument asks for.

    Args:
        logger: A logger, True to see the library's own logger at level INFO, or False for errors
            only. A level that the application has set is left alone, and a handler is added only
            to the library's own logger and only where nothing would print its records.
        name: The name of the library's own logger.

    Raises:
        TypeError: `logger` is none of these.
    """
    if not isinstance(logger, bool):
        if not hasattr(logger, "isEnabledFor"):
            raise TypeError(
                "logger= and engineio_logger= need True, False or a logger such as "
                f"logging.getLogger('name'), got {logger!r}"
            )
        return logger
    own = logging.getLogger(name)
    if own.level == logging.NOTSET:
        own.setLevel(logging.INFO if logger else logging.ERROR)
        if logger and not own.hasHandlers():
            own.addHandler(logging.StreamHandler())
    return own


MAX_SHOWN = 500
"""Characters of a peer's text that a log line shows."""

_SECRET = re.compile(r"(\bsid=)[^&\s'\"]+")


def escaped(value: object) -> str:
    """Return a text for a log line that may hold what a peer has sent.

    It stays one line, moves no cursor of a terminal, and fits into UTF-8: whatever is not
    printable is an escape. The Engine.IO id in the address of a request is left out.

    Args:
        value: The text, or something whose `str()` it is.
    """
    text = str(value)
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
        )
    return _SECRET.sub(r"\1…", text) if "sid=" in text else text


def log_id(sid: str) -> str:
    """Return what an engine session is called in log lines and in the Admin UI.

    Whoever knows the Engine.IO id itself can go on with a session on polling in its client's
    place.

    Args:
        sid: The Engine.IO id.
    """
    return hashlib.sha256(sid.encode("utf-8", "surrogatepass")).hexdigest()[:12]
