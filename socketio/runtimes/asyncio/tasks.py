"""The making of asyncio tasks, so that no task factory of an application changes what ours do.

Error trackers, tracers and profilers install factories that wrap each coroutine in one of their
own, start it at once, or refuse arguments that asyncio gives. What the library waits for by a task
of its own is none of their business; background tasks of applications are, and go through them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

HANDLER_TASK = "socketio-handler"
"""The name of the tasks in which handlers run."""

EAGER = sys.version_info >= (3, 12)
"""Whether a task may run its first step where it is made (`eager_start`)."""


def create_task(
    coroutine: Coroutine[Any, Any, T],
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    name: str | None = None,
) -> asyncio.Task[T]:
    """Return a new task of the library's own, which begins in the loop's next turn.

    It is a plain `asyncio.Task`, whatever factory the loop has.

    Args:
        coroutine: What it runs, in a copy of the caller's context.
        loop: Its loop; None means the running one.
        name: Its name.
    """
    return asyncio.Task(coroutine, loop=loop or asyncio.get_running_loop(), name=name)


def create_background_task(awaitable: Awaitable[T]) -> asyncio.Task[T]:
    """Return a new task of the application's, made by the factory of the running loop, if any.

    The factory gets no name and no context: some take neither, and some loops always give them.
    """
    loop = asyncio.get_running_loop()
    factory: Any = loop.get_task_factory()
    task: Any
    if factory is None or not asyncio.iscoroutine(awaitable):
        task = asyncio.ensure_future(awaitable)  # anything awaitable, as it ever was
    else:
        task = factory(loop, awaitable)
    return task  # type: ignore[no-any-return]  # a factory makes tasks


async def wait_in_loop(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the loop of another thread, and wait for it in the running one.

    Args:
        loop: The other loop.
        coroutine: The coroutine; it is cancelled together with the caller.

    Returns:
        What it returns; what it raises is raised here.
    """
    return await asyncio.wrap_future(run_in_loop(loop, coroutine))


def run_in_loop(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]
) -> concurrent.futures.Future[T]:
    """Run a coroutine in the loop of another thread.

    Args:
        loop: The other loop.
        coroutine: The coroutine; it is cancelled together with the future.

    Returns:
        A future that any thread may wait for.
    """
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

    def begin() -> None:
        task = create_task(coroutine, loop=loop)
        task.add_done_callback(tell)
        outcome.add_done_callback(functools.partial(give_up, task))

    def give_up(task: asyncio.Task[T], _: object) -> None:
        if outcome.cancelled() and not task.done():
            loop.call_soon_threadsafe(task.cancel)

    def tell(task: asyncio.Task[T]) -> None:
        if task.cancelled():
            outcome.cancel()
        if not outcome.set_running_or_notify_cancel():
            return
        error = task.exception()
        if error is None:
            outcome.set_result(task.result())
        else:
            outcome.set_exception(error)

    try:
        loop.call_soon_threadsafe(begin)
    except RuntimeError:  # the loop is closed
        coroutine.close()
        raise
    return outcome


# No function of our own, which would cost each handler a call.
start_eagerly: Callable[..., asyncio.Task[Any]] = functools.partial(
    asyncio.Task,
    name=HANDLER_TASK,
    eager_start=True,  # type: ignore[call-arg]  # Python 3.12 has it
)
"""Run the first step of a coroutine here, in a task and a context of its own; return the task.

Only where `EAGER` is set. KeyboardInterrupt and SystemExit of the first step go on from here.
"""
