"""The making of asyncio tasks, so that no task factory of an application changes what ours do.

Error trackers, tracers and profilers install factories that wrap each coroutine in one of their
own, start it at once, or refuse arguments that asyncio gives. What the library waits for by a task
of its own is none of their business; background tasks of applications are, and go through them.
"""

from __future__ import annotations

import asyncio
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

    The factory gets no name and no context: some take neither.
    """
    task: Any = asyncio.ensure_future(awaitable)  # anything awaitable, as it ever was
    return task  # type: ignore[no-any-return]  # a factory makes tasks


# No function of our own, which would cost each handler a call.
start_eagerly: Callable[..., asyncio.Task[Any]] = functools.partial(
    asyncio.Task,
    name=HANDLER_TASK,
    eager_start=True,  # type: ignore[call-arg]  # Python 3.12 has it
)
"""Run the first step of a coroutine here, in a task and a context of its own; return the task.

Only where `EAGER` is set. KeyboardInterrupt and SystemExit of the first step go on from here.
"""
