"""Task factories that behave as those of error trackers, tracers and profilers do.

What runs under each of them runs inside such programs. The tests of this library run under one that
the environment variable `SOCKETIO_TASK_FACTORY` names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

TaskFactory = Callable[..., asyncio.Task[Any]]


def wrapping(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """Await each coroutine inside one of its own, as error trackers do.

    Args:
        loop: The loop.
        coroutine: What was given to `create_task`.
        **options: The task's name and context, if asyncio gives them.
    """

    async def watched() -> Any:
        return await coroutine

    return asyncio.Task(watched(), loop=loop, **options)


def refusing(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]
) -> asyncio.Task[Any]:
    """Take no further argument, as factories do that are older than these arguments.

    Args:
        loop: The loop.
        coroutine: What was given to `create_task`.
    """
    return asyncio.Task(coroutine, loop=loop)


def choose(name: str) -> TaskFactory:
    """Return a factory by name: `wrapping`, `refusing`, or `eager` (Python 3.12 and newer).

    Raises:
        ValueError: There is none of that name, or not in this Python.
    """
    found: dict[str, TaskFactory | None] = {
        "wrapping": wrapping,
        "refusing": refusing,
        "eager": getattr(asyncio, "eager_task_factory", None),
    }
    if name not in found:
        raise ValueError(f"there is no task factory {name!r}, only {', '.join(found)}")
    factory = found[name]
    if factory is None:
        raise ValueError(f"the task factory {name!r} needs Python 3.12 or newer")
    return factory
