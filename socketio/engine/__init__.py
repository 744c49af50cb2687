"""The Engine.IO server, by itself or below a Socket.IO server: `AsyncEngine` and `Engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._names import MODULES, lazy

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine as AsyncEngine
    from .._sync.engine import Engine as Engine

__all__ = ["AsyncEngine", "Engine"]

if not TYPE_CHECKING:  # a type checker that saw this would believe in every misspelt name
    # Each flavour pulls in its own runtime, so neither is imported before it is used.
    __getattr__ = lazy(__name__, MODULES["engine"])
