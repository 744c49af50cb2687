"""The tasks of an Engine.IO client in an event loop, and what they wait for.

`thread_tasks` has the same names for threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeAlias

from ..runtimes.asyncio.runtime import AsyncioRuntime, Suspended
from ..runtimes.asyncio.tasks import create_task

Task: TypeAlias = asyncio.Task[None]

Cancelled = asyncio.CancelledError
"""What a task raises that has been taken back, together with all that it might start anew."""

_tasks: set[Task] = set()  # a loop itself keeps its tasks by weak references only


def start(function: Callable[..., Awaitable[None]], *args: Any) -> Task:
    """Run a coroutine function beside the caller."""

    async def run() -> None:
        await function(*args)

    return _keep(create_task(run()))


def _keep(task: Task) -> Task:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def begin(function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    """Run a coroutine function, which keeps nothing of its task, as far as it need not wait.

    A task goes on with it, so that its caller may be cancelled, or go on too.
    """
    coroutine = function(*args)
    try:
        yielded = coroutine.send(None)
    except StopIteration:
        return
    _keep(create_task(Suspended(coroutine, contextvars.copy_context(), yielded)))


def at_most(count: int) -> int | None:
    """Return how many packets who sends writes; here it never waits, and writes them all."""
    return None


async def breathe() -> None:
    """Let others have a turn."""
    await asyncio.sleep(0)


async def join(task: asyncio.Task[Any] | None, timeout: float | None = None) -> None:
    """Wait until a task has ended, unless it is the one that calls.

    Args:
        task: The task.
        timeout: Seconds to wait at most.
    """
    if task is not None and task is not asyncio.current_task():
        await asyncio.wait((task,), timeout=timeout)


async def stop(task: Task, timeout: float) -> bool:
    """End a task, unless it is the one that calls, and wait until it has.

    Args:
        task: The task.
        timeout: Seconds that what cannot be taken back gets; here everything can.

    Returns:
        Whether it has ended, or calls.
    """
    if task is not asyncio.current_task():
        task.cancel()
        await asyncio.wait((task,))
    return True


async def break_off(task: asyncio.Task[Any], close: Callable[[], Awaitable[None]]) -> None:
    """End a task that connects, also if it is the one that calls; do not wait for that.

    Args:
        task: The task.
        close: Takes away what a task waits for that cannot be taken back; here every one can.
    """
    task.cancel()


def interrupt(task: Task | None) -> None:
    """End a task without waiting for that, unless it is the one that calls."""
    if task is not None and task is not asyncio.current_task():
        task.cancel()


async def run(
    function: Callable[..., Awaitable[None]],
    cancelled: Callable[..., Awaitable[None]],
    *args: Any,
) -> None:
    """Run a coroutine function to its end, or another one when its task is cancelled."""
    try:
        await function(*args)
    except asyncio.CancelledError:
        await cancelled(*args)


async def finish(function: Callable[..., Awaitable[None]], *args: Any) -> None:
    """Run a coroutine function to its end, even if the caller is cancelled meanwhile."""
    task = start(function, *args)
    await asyncio.shield(task)


async def closed(engine: Any) -> None:
    """Wait until what an engine had open is closed: its loop may end next."""
    await engine.wait()


async def within(seconds: float, function: Callable[..., Awaitable[None]], *args: Any) -> bool:
    """Run a coroutine function for a number of seconds at most; return whether it ended."""
    try:
        async with asyncio.timeout(seconds):
            await function(*args)
    except TimeoutError:
        return False
    return True


def rest(runtime: AsyncioRuntime) -> AsyncioRuntime:
    """Let go of what a runtime keeps at hand, and return one for the next connection."""
    # Not now: the caller may be what it keeps.
    asyncio.get_running_loop().call_soon(runtime.close)
    return runtime


class Turn:
    """Whose turn it is to write, of all who would."""

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take the turn if nobody has it; return whether that is so."""
        if self._taken:
            return False
        self._taken = True
        return True

    def give(self) -> None:
        """Give it back."""
        self._taken = False
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    async def wait(self, seconds: float) -> bool:
        """Take the turn when it is free, within a number of seconds; return whether it was."""
        try:
            async with asyncio.timeout(seconds):
                while not self.take():
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.append(waiter)
                    await waiter
        except TimeoutError:
            return False
        return True


class Crowd:
    """Who waits until something has changed."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: set[asyncio.Future[None]] = set()

    @property
    def waiting(self) -> bool:
        """Whether anybody does."""
        return bool(self._futures)

    async def wait_until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until a condition holds, which is looked at whenever `wake` is called.

        Args:
            condition: The condition.
            seconds: How long to wait at most.

        Returns:
            Whether it holds.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    future: asyncio.Future[None] = loop.create_future()
                    self._futures.add(future)
                    try:
                        await future
                    finally:
                        self._futures.discard(future)
        except TimeoutError:
            return condition()
        return True

    def wake(self) -> None:
        """Have all of them look at their conditions."""
        for future in self._futures:
            if not future.done():
                future.set_result(None)


class SilenceTimer:
    """Notices that nothing has been heard for too long.

    Args:
        seconds: How long that is.
        function: What to call then.
        *args: Its arguments.
    """

    def __init__(self, seconds: float, function: Callable[..., None], *args: Any) -> None:
        self._seconds = seconds
        self._function = function
        self._args = args
        self._timer: asyncio.TimerHandle | None = None
        self.restart()

    def restart(self, seconds: float | None = None) -> None:
        """Begin anew: something was heard.

        Args:
            seconds: How much of the time is left; None: all of it.
        """
        self.stop()
        loop = asyncio.get_running_loop()
        delay = self._seconds if seconds is None else seconds
        self._timer = loop.call_later(delay, self._function, *self._args)

    def stop(self) -> None:
        """Stop listening for it."""
        if self._timer is not None:
            self._timer.cancel()


class LastHandlers:
    """What a client does so that its disconnect handlers run even if the program ends.

    A loop that ends cancels its tasks, and the client, which is told that, disconnects then.

    Args:
        client: The client.
    """

    def __init__(self, client: Any) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Begin with a connection."""

    def leave(self) -> None:
        """Begin to disconnect because the program ends."""

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Know in the block that the running task is a disconnect handler's."""
        task = asyncio.current_task()
        assert task is not None  # a coroutine that runs is a task's
        self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)

    async def cut_off(self, seconds: float) -> None:
        """End those that still run: the loop knows nothing of what has begun just now.

        Args:
            seconds: How long to wait for their end.
        """
        late = list(self._running)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=seconds)


class Home:
    """Where a connection may be used: the event loop and the process that opened it."""

    __slots__ = ("_loop", "_process")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()

    @property
    def left(self) -> bool:
        """Whether this is a child of the process, made by fork."""
        return os.getpid() != self._process

    def check(self) -> None:
        """Refuse the use anywhere else.

        Raises:
            RuntimeError: This is another event loop or a child process.
        """
        if self.left:
            raise RuntimeError(
                "this client was connected before the process forked, and the connection stays "
                "the parent's; make a client in the child"
            )
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "this client is connected in another event loop; from a thread, use "
                "asyncio.run_coroutine_threadsafe(coroutine, loop) with the loop of connect()"
            )
