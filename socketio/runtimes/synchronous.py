"""What code that exists once for both flavours asks of threads; see `asynchronous` for asyncio."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from .._core.logs import escaped
from ..abc.driver import BusDriver
from ..abc.runtime import Runtime
from .threads.monkey_patching import require_monkey_patching as require_monkey_patching
from .threads.runtime import ThreadingRuntime as ThreadingRuntime

T = TypeVar("T")

PREFIX = ""
"""How the names of this flavour's managers begin."""

IN_LOOP = False
"""Whether code of this flavour runs in an event loop."""

INTERRUPTED: Final = KeyboardInterrupt
"""What is raised in a wait when whoever waits is to end."""

running_loop: Callable[[], Any] = type(None)
"""Return the event loop that runs here: None, without a call of Python's."""


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


def settled(value: Any) -> Any:
    """Return what a function of the application has returned."""
    return value


def wait_in_loop(loop: Any, result: T) -> T:
    """Return what has been done: a function of this flavour runs where it is called."""
    return result


def happens(event: Any, timeout: float | None) -> bool:
    """Wait for an event for a number of seconds at most; return whether it is set."""
    return bool(event.wait(timeout))


def limited(result: T, seconds: float, what: str) -> T:
    """Return what a driver has done: a synchronous one gives its time limit to its library."""
    return result


def close_driver(driver: BusDriver, seconds: float, logger: logging.Logger) -> None:
    """Close a driver; what it raises is only logged."""
    try:
        driver.close()
    except Exception as error:  # whatever the client library raises
        logger.debug("closing %r failed: %s", driver, escaped(error))


def cancel(task: Any) -> None:
    """Do nothing: a thread ends by itself."""


def end_task(task: Any, seconds: float) -> None:
    """Wait for a thread that ends by itself, but not for ever."""
    task.join(seconds)


def finish_at(home: Any, function: Callable[[], None], seconds: float) -> bool:
    """Run a function, which has its own time limits, while the process ends."""
    function()
    return True


class EmitterPlace:
    """Where a connection lives that belongs to no server: in the threads that use it."""

    def __init__(self) -> None:
        self.runtime = ThreadingRuntime()
        """What runs there."""

    def wait_for(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function to its end."""
        return function(*args)

    def hand_over(self, function: Callable[[list[bytes]], None], message: bytes) -> None:
        """Give a message to a function, and wait until it has dealt with it."""
        function([message])

    def call(self, function: Callable[[], None]) -> bool:
        """Call a function; return whether that is still possible."""
        function()
        return True

    def finish(self, function: Callable[[], None], seconds: float) -> bool:
        """Run a function, which has its own time limits, while the process ends."""
        function()
        return True

    def leave(self) -> None:
        """Give the place back: nothing of the connection is left."""
        self.runtime.close()
