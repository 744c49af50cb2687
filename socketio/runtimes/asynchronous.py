"""What code that exists once for both flavours asks of asyncio; see `synchronous` for threads."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, cast

from .._core import forks
from .._core.logs import escaped
from ..abc.driver import BusDriver
from ..abc.runtime import Runtime
from ..bus.presence import Silence
from .asyncio.loop_thread import LoopThread
from .asyncio.runtime import AsyncioRuntime as AsyncioRuntime
from .asyncio.tasks import create_task, run_in_loop
from .asyncio.tasks import wait_in_loop as wait_in_loop

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])
T = TypeVar("T")

PREFIX = "async"
"""How the names of this flavour's managers begin."""

IN_LOOP = True
"""Whether code of this flavour runs in an event loop."""

INTERRUPTED: Final = asyncio.CancelledError
"""What is raised in a wait when whoever waits is to end."""

running_loop: Callable[[], Any] = asyncio._get_running_loop
"""Return the event loop that runs here, or None; a C function, since each emit asks."""


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


async def settled(value: Any) -> Any:
    """Return what a function of the application has returned, which may be awaitable."""
    return await value if inspect.isawaitable(value) else value


async def happens(event: Any, timeout: float | None) -> bool:
    """Wait for an event for a number of seconds at most; return whether it is set."""
    try:
        async with asyncio.timeout(timeout):
            await event.wait()
    except TimeoutError:
        return False
    return True


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
            logger.debug("closing %r failed: %s", driver, escaped(closing.exception()))

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


def finish_at(
    home: asyncio.AbstractEventLoop | None,
    function: Callable[[], Coroutine[Any, Any, None]],
    seconds: float,
) -> bool:
    """Run a coroutine function in a loop while the process ends.

    Args:
        home: The loop, which may have ended.
        function: The function.
        seconds: How long to wait for it.

    Returns:
        Whether it has ended in that time. In a loop that does not run, or only as long as it waits
        for this, nothing can be done.
    """
    if home is None or not home.is_running() or home is running_loop():
        return False
    try:
        run_in_loop(home, function()).result(seconds)
    except TimeoutError:
        return False
    return True


_emitter_loops = LoopThread()
forks.watch(_emitter_loops)


class EmitterPlace:
    """Where a connection lives that outlives the application's loops: a loop of its own.

    That loop runs in another thread, which all such connections share.
    """

    def __init__(self) -> None:
        self._loop = _emitter_loops.acquire()
        self._turns = threading.local()
        self.runtime = AsyncioRuntime()
        """What runs there."""

    async def wait_for(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run a coroutine function there, and wait for its end here."""
        return await wait_in_loop(self._loop, function(*args))

    async def hand_over(
        self, function: Callable[[list[bytes]], Coroutine[Any, Any, None]], message: bytes
    ) -> None:
        """Give a message to a coroutine function there, and wait until it has dealt with it.

        What is emitted in one turn of the caller's loop goes there together.

        Args:
            function: Gets the messages of a turn; it is the same one each time.
            message: The message.
        """
        loop = asyncio.get_running_loop()
        turn: _Turn | None = getattr(self._turns, "current", None)
        if turn is None or turn.loop is not loop:
            self._turns.current = turn = _Turn(loop)
            loop.call_soon(self._end_turn, function, turn)
        turn.messages.append(message)
        await asyncio.shield(turn.done)  # the others still wait when one of them is cancelled

    def _end_turn(self, function: Callable[..., Any], turn: _Turn) -> None:
        self._turns.current = None
        self._loop.call_soon_threadsafe(self.runtime.start, _deal_with, function, turn)

    def call(self, function: Callable[[], None]) -> bool:
        """Call a function there, soon; return whether that is still possible."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def finish(self, function: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> bool:
        """Run a coroutine function there while the process ends.

        Args:
            function: The function.
            seconds: How long to wait for it.

        Returns:
            Whether it has ended in that time.
        """
        try:
            run_in_loop(self._loop, function()).result(seconds)
        except TimeoutError:
            return False
        return True

    def leave(self) -> None:
        """Give the place back: nothing of the connection is left."""
        _emitter_loops.release(self._loop)


class _Turn:
    """What was emitted in one turn of an application's loop.

    Args:
        loop: That loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.messages: list[bytes] = []
        self.done: asyncio.Future[None] = loop.create_future()

    def end(self, error: Exception | None) -> None:
        """Let those go on who wait; called in the loop."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


async def _deal_with(function: Callable[[list[bytes]], Awaitable[None]], turn: _Turn) -> None:
    error: Exception | None = None
    try:
        await function(turn.messages)
    except Exception as raised:  # a refusal, which is the callers' to deal with
        error = raised
    try:
        turn.loop.call_soon_threadsafe(turn.end, error)
    except RuntimeError:
        return  # the callers' loop has been closed: nobody waits any more
