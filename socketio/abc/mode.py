"""How requests of a web server reach the engine, and how the engine gets into an application.

An async mode knows the objects of one web framework or server interface, and the neutral ones of
`socketio.abc.http` and `socketio.abc.transport`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from .engine import ServedEngine
from .runtime import Runtime


class AsyncMode(ABC):
    """One way to run an engine: who calls it with requests, and what runs its code."""

    name: ClassVar[str]
    """The name in `async_mode=`."""

    websocket: bool = True
    """Whether this mode can serve websockets."""

    @abstractmethod
    def create_runtime(self) -> Runtime:
        """Return what runs handlers, timers and background tasks in this mode."""

    @abstractmethod
    def handle_request(self, engine: ServedEngine, *args: Any, **kwargs: Any) -> Any:
        """Translate one request, let the engine serve it, and give the answer back.

        The arguments and the result are the framework's: `(scope, receive, send)` for ASGI,
        `(environ, start_response)` for WSGI, and so on.
        """


class Attachment(ABC):
    """Puts a server into an application of one framework."""

    mode: ClassVar[str | None]
    """The async mode that the attached server runs in; None: it follows from the web server."""

    @abstractmethod
    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Make an application serve a Socket.IO (or Engine.IO) server.

        Args:
            server: The server; requests go to `server.handle_request`.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: What the framework needs besides.

        Returns:
            The application to serve: the same object where the framework allows it, else one
            that wraps it.
        """
