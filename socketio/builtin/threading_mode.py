"""The async mode `threading`: Werkzeug, gunicorn's gthread worker, waitress and other WSGI servers.

Websockets need the server's socket, which Werkzeug and gunicorn give; under others there is
long-polling.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..runtimes.threads.runtime import ThreadingRuntime
from ..web.raw_websocket import LoopWebSocket
from ..web.server_stop import ServerStop
from ..web.wsgi import Environ, StartResponse, WSGIMode, WSGIRequest

if TYPE_CHECKING:
    from .._sync.engine import Engine


class ThreadingMode(WSGIMode):
    """Each request runs in a thread of the web server, all websockets are read by one."""

    name = "threading"

    def __init__(self) -> None:
        self._server_stop: ServerStop | None = None

    def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: Engine, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if self._server_stop is None:
            self._server_stop = ServerStop(engine)
            self._server_stop.watch_server()
        return super().handle_request(engine, environ, start_response)

    def create_runtime(self) -> ThreadingRuntime:
        """Return a runtime of real threads."""
        return ThreadingRuntime()

    def create_websocket(self, engine: Engine, request: WSGIRequest) -> LoopWebSocket | None:
        """Return the websocket of an opening request, or None where the server gives no socket."""
        connection = self.find_socket(request.environ)
        if connection is None:
            return None
        return LoopWebSocket(engine, request, connection)
