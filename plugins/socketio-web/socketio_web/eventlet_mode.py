"""The async mode `eventlet`: eventlet's own server, and gunicorn's worker where gunicorn has it.

Nothing has to be monkey patched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import eventlet
import eventlet.corolocal
import eventlet.green.threading
import eventlet.greenthread
import eventlet.queue
import eventlet.semaphore
import eventlet.wsgi

from socketio.runtimes import Primitives, ThreadingRuntime
from socketio.web import Environ, StartResponse, find_socket

from .green_mode import GreenMode, ReentrantLock

if TYPE_CHECKING:
    from socketio.web import Engine


class EventletThread:
    """A greenlet with what applications use of `threading.Thread`.

    Args:
        target: What it runs.
        args: Positional arguments for it.
        kwargs: Keyword arguments for it.
    """

    daemon = True

    def __init__(
        self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._greenlet = eventlet.spawn(target, *args, **kwargs)

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended.

        Args:
            timeout: Seconds, or None to wait as long as it takes.
        """
        with eventlet.Timeout(timeout, False):
            self._greenlet.wait()

    def is_alive(self) -> bool:
        """Tell whether it has not ended."""
        return not self._greenlet.dead

    def kill(self) -> None:
        """End it, wherever it waits."""
        self._greenlet.kill()


def _spawn(function: Callable[[], None], name: str) -> None:
    eventlet.spawn_n(function)


PRIMITIVES = Primitives(
    spawn=_spawn,
    create_thread=EventletThread,
    create_lock=eventlet.semaphore.Semaphore,
    create_reentrant_lock=lambda: ReentrantLock(eventlet.semaphore.Semaphore()),
    create_event=eventlet.green.threading.Event,
    create_queue=eventlet.queue.Queue,
    sleep=eventlet.sleep,
    local=eventlet.corolocal.local,
)
"""Greenlets of eventlet."""


class EventletMode(GreenMode):
    """Each request runs in a greenlet of eventlet."""

    name = "eventlet"

    def __init__(self) -> None:
        super().__init__()
        self._connections: dict[int, Any] = {}

    def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: Engine, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        connection = find_connection()
        if connection is None:
            return super().handle_request(engine, environ, start_response)
        # Its input knows the end of a body in chunks, but eventlet does not say so.
        environ.setdefault(
            "wsgi.input_terminated", environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        )
        self._connections[id(connection)] = connection
        try:
            return super().handle_request(engine, environ, start_response)
        finally:
            del self._connections[id(connection)]

    def create_runtime(self) -> ThreadingRuntime:
        """Return a runtime of greenlets."""
        return ThreadingRuntime(PRIMITIVES)

    def spawn(self, function: Callable[[], None]) -> object:
        """Run a function in a greenlet of its own."""
        return eventlet.spawn_n(function)

    def find_socket(self, environ: Environ) -> Any:
        """Return the client's socket, or None where the server keeps it to itself."""
        body = environ.get("eventlet.input")
        return find_socket(environ) if body is None else body.get_socket()

    def find_server(self, environ: Environ) -> Callable[[], bool] | None:
        """Return a function that tells whether eventlet's server stops."""
        return self._server_stops if "eventlet.input" in environ else None

    def _server_stops(self) -> bool:
        # A server that stops marks all connections, and then waits for those with a request.
        return any(state[2] == eventlet.wsgi.STATE_CLOSE for state in self._connections.values())

    def send_now(self, connection: Any) -> Callable[[bytes | memoryview], int]:
        """Return what writes to a socket without waiting."""
        send: Callable[[bytes | memoryview], int] = connection.fd.send
        return send

    def end_websocket(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Tell the server that there is nothing to answer any more."""
        eventlet.wsgi.WSGI_LOCAL.already_handled = True
        return []


def find_connection() -> Any:
    """Return the address, socket and state of the connection that is served here by eventlet."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "eventlet.wsgi":
            return getattr(frame.f_locals.get("self"), "conn_state", None)
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None


def serves_here() -> bool:
    """Tell whether the caller runs in a greenlet of eventlet."""
    return isinstance(eventlet.getcurrent(), eventlet.greenthread.GreenThread)
