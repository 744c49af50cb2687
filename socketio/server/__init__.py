"""What servers of both flavours share of Socket.IO; applications import `Server` from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._names import MODULES, lazy

if TYPE_CHECKING:
    from .._sync.server import Server as Server
    from .observers import ServerObserver as ServerObserver

__all__ = ["Server", "ServerObserver"]

if not TYPE_CHECKING:  # a type checker that saw this would believe in every misspelt name
    # The server is made of the modules in here, so it is imported when it is asked for.
    __getattr__ = lazy(__name__, MODULES["server"])
