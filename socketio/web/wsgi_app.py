"""`WSGIApp`: a Socket.IO server as a WSGI application, before another one or by itself.

It deals with paths and static files, and leaves the protocol to the server.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from ..engine.base import engine_behind
from ..engine.http import Response
from .file_response import FileResponse
from .signals import end_after_clients
from .static_files import StaticFiles
from .wsgi import Environ, StartResponse, WSGIRequest, send_response

__all__ = ["Middleware", "WSGIApp"]


class WSGIApp:
    """A WSGI application that serves a Socket.IO server and passes on what is not for it.

    The async mode follows from the web server: threads, or greenlets where the application is
    served by gevent or eventlet and their plugin is installed.

    Args:
        socketio_app: A `Server` or an `Engine`.
        wsgi_app: Gets every request that is not for the server nor a static file.
        static_files: URLs and the files or directories behind them.
        socketio_path: The path of the endpoint below the mount point.

    Raises:
        TypeError: The server is one for asyncio, or `static_files` is no such mapping.
    """

    def __init__(
        self,
        socketio_app: Any,
        wsgi_app: Callable[[Environ, StartResponse], Iterable[bytes]] | None = None,
        static_files: Mapping[str, Any] | None = None,
        socketio_path: str = "socket.io",
    ) -> None:
        engine = engine_behind(socketio_app, "sync")
        self.engineio_app = socketio_app
        self.wsgi_app = wsgi_app
        path = socketio_path.strip("/")
        self.engineio_path = f"/{path}/" if path else "/"
        self.static_files = static_files or {}
        self._files = StaticFiles(self.static_files)
        end_after_clients(engine)
        if "eventlet" in sys.modules:
            # Programs for python-socketio use `eventlet.wsgi` without importing it.
            import_module("eventlet.wsgi")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        if f"{path}/".startswith(self.engineio_path):
            answer: Iterable[bytes] = self.engineio_app.handle_request(environ, start_response)
            return answer
        if self.static_files:
            response = self._static_file(environ, path)
            if isinstance(response, FileResponse):
                start_response(f"{response.status} {response.reason}", response.headers)
                return response  # the server closes it
            if response is not None:
                return send_response(start_response, response, environ["REQUEST_METHOD"])
        if self.wsgi_app is not None:
            return self.wsgi_app(environ, start_response)
        return self.not_found(start_response)

    def _static_file(self, environ: Environ, path: str) -> Response | None:
        try:
            # WSGI gives the bytes of the path as if they were Latin-1.
            decoded = path.encode("latin-1").decode()
        except UnicodeError:
            return None
        request = WSGIRequest(environ)
        return self._files.respond(decoded, request.method, request.header)

    def not_found(self, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request that is for nobody; to be overridden."""
        response = Response(404, [("Content-Type", "text/plain")], b"Not Found")
        return send_response(start_response, response)


class Middleware(WSGIApp):
    """The former name of `WSGIApp`, without static files.

    Args:
        socketio_app: A `Server` or an `Engine`.
        wsgi_app: Gets every request that is not for the server.
        socketio_path: The path of the endpoint below the mount point.
    """

    def __init__(
        self,
        socketio_app: Any,
        wsgi_app: Callable[[Environ, StartResponse], Iterable[bytes]] | None = None,
        socketio_path: str = "socket.io",
    ) -> None:
        warnings.warn(
            "socketio.Middleware is deprecated, use socketio.WSGIApp",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(socketio_app, wsgi_app, socketio_path=socketio_path)
