"""What clients of both flavours share; applications import `Client` from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._names import MODULES, lazy

if TYPE_CHECKING:
    from .._sync.client import Client as Client

__all__ = ["Client"]

if not TYPE_CHECKING:  # a type checker that saw this would believe in every misspelt name
    # The client is made of the modules in here, so it is imported when it is asked for.
    __getattr__ = lazy(__name__, MODULES["client"])
