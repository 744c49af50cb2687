"""The border to code of the application: what it raises, whatever that is, ends here.

Handlers, callbacks and serializers raise more than `Exception`: panics of Rust extensions, timeouts
and kills of greenlets, time limits of libraries. Whoever calls such code catches `BaseException`,
gives it to `failed`, and gives back in `finally` what it counts, holds or locks.
"""

from __future__ import annotations

import logging
import sys

GOES_ON = (KeyboardInterrupt, SystemExit)
"""What ends more than the function that raises it."""


def failed(error: BaseException, logger: logging.Logger, message: str, *args: object) -> None:
    """Write one record, with the traceback, of what code of the application has raised.

    Called in the `except BaseException` around the call.

    Args:
        error: What was raised.
        logger: Where the record goes.
        message: What has failed, as the format of a log record.
        *args: What the format needs.

    Raises:
        KeyboardInterrupt: It was this one, which goes on.
        SystemExit: The same.
        GeneratorExit: The same: the coroutine is given up, and nobody is to be told.
        asyncio.CancelledError: The task was asked to end. One that comes from what the code
            waited for is a failure as any other.
    """
    if isinstance(error, GeneratorExit):
        raise error
    if isinstance(error, GOES_ON) or _asked_to_end(error):
        logger.warning(message, *args, exc_info=error)
        raise error
    logger.error(message, *args, exc_info=error)


def _asked_to_end(error: BaseException) -> bool:
    """Tell whether an error is the end of the running task, which somebody has cancelled."""
    asyncio = sys.modules.get("asyncio")  # threads do without it
    if asyncio is None or not isinstance(error, asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return False
    return task is not None and task.cancelling() > 0
