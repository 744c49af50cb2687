"""What servers of both flavours share of Socket.IO; applications import `Server` from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .observers import ServerObserver

if TYPE_CHECKING:
    from .._sync.server import Server as Server

__all__ = ["Server", "ServerObserver"]


def __getattr__(name: str) -> Any:
    # The server is made of the modules in here, so it is imported when it is asked for.
    if name == "Server":
        from .._sync.server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
