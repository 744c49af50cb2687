"""What code that exists once for both flavours asks of threads; see `asynchronous` for asyncio."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..abc.driver import BusDriver
from ..abc.runtime import Runtime
from .threads.monkey_patching import require_monkey_patching
from .threads.runtime import ThreadingRuntime

__all__ = [
    "PREFIX",
    "at_home",
    "call_back",
    "cancel",
    "close_driver",
    "current",
    "end_task",
    "home",
    "limited",
    "own_runtime",
    "require_monkey_patching",
]

T = TypeVar("T")

PREFIX = ""
"""How the names of this flavour's managers begin."""


def at_home(method: T) -> T:
    """Return a method as it is: any thread may call it."""
    return method


def home() -> Any:
    """Return what connections made here belong to: no thread in particular."""
    return None


def current() -> Any:
    """Return what runs now, to be told from what runs elsewhere: the thread or greenlet."""
    return threading.get_ident()


def own_runtime(previous: Runtime | None) -> Runtime:
    """Return a runtime for here, where there is no server: the previous one if there is one."""
    return ThreadingRuntime() if previous is None else previous


def call_back(callback: Callable[..., Any], *args: Any) -> None:
    """Call a function of the application."""
    callback(*args)


def limited(result: T, seconds: float, what: str) -> T:
    """Return what a driver has done: a synchronous one gives its time limit to its library."""
    return result


def close_driver(driver: BusDriver, seconds: float, logger: logging.Logger) -> None:
    """Close a driver; what it raises is only logged."""
    try:
        driver.close()
    except Exception as error:  # whatever the client library raises
        logger.debug("closing %r failed: %s", driver, error)


def cancel(task: Any) -> None:
    """Do nothing: a thread ends by itself."""


def end_task(task: Any, seconds: float) -> None:
    """Wait for a thread that ends by itself, but not for ever."""
    task.join(seconds)
