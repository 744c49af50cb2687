"""What the modes of greenlets share: websockets on the server's socket, and the end of the server.

It knows WSGI, and neither of the two libraries.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from socketio.web import (
    STOP_SECONDS,
    STOP_TICK,
    Environ,
    ServerStop,
    SocketWebSocket,
    StartResponse,
    WSGIMode,
    WSGIRequest,
    find_gunicorn,
    is_tls,
)

if TYPE_CHECKING:
    from socketio.web import Engine


class ReentrantLock:
    """A lock that its holder may acquire again.

    Args:
        semaphore: What the others wait for, of the library's kind.
    """

    __slots__ = ("_count", "_owner", "_semaphore")

    def __init__(self, semaphore: Any) -> None:
        self._semaphore = semaphore
        self._owner: object = None
        self._count = 0

    def __enter__(self) -> None:
        me = getcurrent()
        if self._owner is not me:
            self._semaphore.acquire()
            self._owner = me
        self._count += 1

    def __exit__(self, *exception: object) -> None:
        self._count -= 1
        if not self._count:
            self._owner = None
            self._semaphore.release()


class GreenMode(WSGIMode):
    """Each request runs in a greenlet of the web server."""

    def __init__(self) -> None:
        self._server_stop: ServerStop | None = None

    def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: Engine, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if self._server_stop is None:
            self._server_stop = ServerStop(engine)
            # gunicorn's worker knows it earlier than the server that it runs.
            stops = find_gunicorn() or self.find_server(environ)
            if stops is not None:
                self._server_stop.watch(stops)
        return super().handle_request(engine, environ, start_response)

    @abstractmethod
    def find_server(self, environ: Environ) -> Callable[[], bool] | None:
        """Return a function that tells whether the web server stops, if it can be told."""

    @abstractmethod
    def spawn(self, function: Callable[[], None]) -> object:
        """Run a function in a greenlet of its own."""

    @abstractmethod
    def send_now(self, connection: Any) -> Callable[[bytes | memoryview], int]:
        """Return what writes to a plain socket, and raises BlockingIOError instead of waiting."""

    def sender(self, connection: Any) -> Callable[[bytes | memoryview], int]:
        """Return what writes to a plain or a TLS socket without waiting."""
        # Of TLS no write is known not to wait: all of them are left to a greenlet.
        return _send_nothing if is_tls(connection) else self.send_now(connection)

    def stop_before(self, engine: Engine, then: Callable[[], None]) -> None:
        """Stop an engine from a signal handler, and call a function afterwards."""

        def stop() -> None:
            engine.stop(STOP_SECONDS - STOP_TICK)
            then()

        # Not here: a signal handler may run in the loop itself, which cannot wait.
        self.spawn(stop)

    def create_websocket(self, engine: Engine, request: WSGIRequest) -> SocketWebSocket | None:
        """Return the websocket of an opening request, or None where the server gives no socket."""
        environ = request.environ
        connection = self.find_socket(environ)
        if connection is None:
            return None
        buffered = find_buffered(environ)
        return SocketWebSocket(engine, request, connection, self.sender(connection), buffered)


def _send_nothing(data: bytes | memoryview) -> int:
    return 0


def find_buffered(environ: Environ) -> Callable[[int], bytes] | None:
    """Return what reads once from the server's buffered file, which may hold the first frames."""
    body = environ["wsgi.input"]
    file = getattr(body, "rfile", body)
    read: Callable[[int], bytes] | None = getattr(file, "read1", None)
    return read if hasattr(file, "raw") else None
