"""What runs the core: `asyncio` for event loops, `threads` for threads and greenlets.

The names in here are documented for plugins (`docs/reference/plugins.md`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._names import lazy

if TYPE_CHECKING:
    from .asyncio.runtime import AsyncioRuntime
    from .asyncio.tasks import HANDLER_TASK, create_task
    from .threads.primitives import Primitives
    from .threads.runtime import ThreadingRuntime

_HOMES = {
    "AsyncioRuntime": "runtimes.asyncio.runtime",
    "HANDLER_TASK": "runtimes.asyncio.tasks",
    "Primitives": "runtimes.threads.primitives",
    "ThreadingRuntime": "runtimes.threads.runtime",
    "create_task": "runtimes.asyncio.tasks",
}

__all__ = [
    "HANDLER_TASK",
    "AsyncioRuntime",
    "Primitives",
    "ThreadingRuntime",
    "create_task",
]

if not TYPE_CHECKING:  # a type checker that saw this would believe in every misspelt name
    # Each flavour is imported when it is used.
    __getattr__ = lazy(__name__, _HOMES)
