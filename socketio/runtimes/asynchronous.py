"""What code that exists once for both flavours asks of asyncio; see `synchronous` for threads."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from ..abc.driver import BusDriver
from ..abc.runtime import Runtime
from ..bus.presence import Silence
from .asyncio.runtime import AsyncioRuntime
from .asyncio.tasks import create_task, wait_in_loop

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])
T = TypeVar("T")

PREFIX = "async"
"""How the names of this flavour's managers begin."""


def at_home(method: F) -> F:
    """Run a coroutine method in the loop `self._home`, whatever thread's loop calls it."""

    @functools.wraps(method)
    async def there(self: Any, *args: Any, **kwargs: Any) -> Any:
        home = self._home
        if home is None or home is asyncio._get_running_loop() or not home.is_running():
            return await method(self, *args, **kwargs)
        return await wait_in_loop(home, method(self, *args, **kwargs))

    return cast(F, there)


def home() -> Any:
    """Return what connections made here belong to: the running loop."""
    return asyncio.get_running_loop()


def current() -> Any:
    """Return what runs now, to be told from what runs elsewhere: the task."""
    return asyncio.current_task()


def own_runtime(previous: Runtime | None) -> Runtime:
    """Return a runtime for here, where there is no server: the previous one if it still fits."""
    if isinstance(previous, AsyncioRuntime) and previous.loop is asyncio.get_running_loop():
        return previous
    runtime = AsyncioRuntime()
    runtime.bind()
    return runtime


def require_monkey_patching(async_mode: str, what: str) -> None:
    """Do nothing: an event loop needs none."""


async def call_back(callback: Callable[..., Any], *args: Any) -> None:
    """Call a function or a coroutine function of the application."""
    result = callback(*args)
    if hasattr(result, "__await__"):
        await result


async def limited(operation: Awaitable[T], seconds: float, what: str) -> T:
    """Wait for what a driver does, but not for ever.

    Args:
        operation: What it does.
        seconds: For how long to wait.
        what: What that is, for the error.

    Raises:
        Silence: It took longer, or the client library has given it up.
    """
    # Not `wait_for`: a task of its own may fail while it is cancelled, and nobody looks.
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await operation
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise Silence(f"{what} took more than {seconds:g} s") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Not we are cancelled: a library that cancels tasks of its own lets it through.
        raise Silence(f"{what} was given up by the client library") from error


async def close_driver(driver: BusDriver, seconds: float, logger: logging.Logger) -> None:
    """Close a driver; what it raises is only logged, and what takes too long is left behind."""

    def note(closing: asyncio.Future[None]) -> None:
        if closing.cancelled():
            logger.debug("closing %r takes too long", driver)
        elif closing.exception() is not None:
            logger.debug("closing %r failed: %s", driver, closing.exception())

    closing = create_task(driver.close())
    closing.add_done_callback(note)
    try:
        # Some client libraries cannot be interrupted here: do not wait for them, either.
        await asyncio.wait([closing], timeout=seconds)
    finally:
        closing.cancel()


def cancel(task: Any) -> None:
    """End a task where it waits; threads cannot be."""
    task.cancel()


async def end_task(task: Any, seconds: float) -> None:
    """Wait for a task that ends by itself, and cancel it after a while."""
    if task is asyncio.current_task():
        return
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=seconds)
