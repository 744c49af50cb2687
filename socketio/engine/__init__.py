"""The Engine.IO server, by itself or below a Socket.IO server: `AsyncEngine` and `Engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine
    from .._sync.engine import Engine

__all__ = ["AsyncEngine", "Engine"]


def __getattr__(name: str) -> Any:
    # Each flavour pulls in its own runtime, so neither is imported before it is used.
    if name == "AsyncEngine":
        from .._async.engine import AsyncEngine

        return AsyncEngine
    if name == "Engine":
        from .._sync.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
