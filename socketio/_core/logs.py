"""What the `logger` arguments mean.

Called once by every server and client; it knows loggers and levels.
"""

from __future__ import annotations

import logging


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
