"""The async mode `gevent`: gevent's server, also with gevent-websocket, and gunicorn's workers.

Nothing has to be monkey patched.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
import gevent.hub
import gevent.local
import gevent.lock
import gevent.queue
import gevent.thread

from socketio.abc import Headers, Response
from socketio.runtimes import Primitives, ThreadingRuntime
from socketio.web import Environ, SocketWebSocket, StartResponse, WSGIRequest, find_socket

from .green_mode import GreenMode, ReentrantLock

if TYPE_CHECKING:
    from socketio.web import Engine


class GeventThread(gevent.Greenlet):  # type: ignore[misc]  # gevent has no types in itself
    """A greenlet with what applications use of `threading.Thread`."""

    daemon = True

    def is_alive(self) -> bool:
        """Tell whether it has not ended."""
        return not self.dead


def _create_thread(
    target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> GeventThread:
    thread = GeventThread(target, *args, **kwargs)
    thread.start()
    return thread


def _spawn(function: Callable[[], None], name: str) -> None:
    gevent.spawn(_run, function)


def _run(function: Callable[[], None]) -> None:
    """Run a function; Ctrl-C in it is the main greenlet's, and no error of this one."""
    try:
        function()
    except KeyboardInterrupt as interrupt:
        gevent.get_hub().handle_system_error(KeyboardInterrupt, interrupt)


HIGHEST = 2
"""The priority of what runs in each round of gevent's loop, whatever else there is."""


def _sleep(seconds: float = 0) -> None:
    if seconds > 0:
        gevent.sleep(seconds)
    else:
        # `gevent.sleep(0)` waits only for greenlets that can run already: some that take turns
        # by it keep the loop from looking at any socket.
        gevent.idle(HIGHEST)


PRIMITIVES = Primitives(
    spawn=_spawn,
    create_thread=_create_thread,
    create_lock=gevent.thread.allocate_lock,
    create_reentrant_lock=lambda: ReentrantLock(gevent.lock.Semaphore()),  # as RLock, but faster
    create_event=gevent.event.Event,
    create_queue=gevent.queue.JoinableQueue,
    sleep=_sleep,
    local=gevent.local.local,
)
"""Greenlets of gevent."""


class GeventMode(GreenMode):
    """Each request runs in a greenlet of gevent."""

    name = "gevent"
    drains_refused_bodies = (
        False  # pywsgi discards the rest, and ends without an answer if it cannot
    )

    def create_runtime(self) -> ThreadingRuntime:
        """Return a runtime of greenlets."""
        return ThreadingRuntime(PRIMITIVES)

    def spawn(self, function: Callable[[], None]) -> object:
        """Run a function in a greenlet of its own."""
        return gevent.spawn(function)

    def find_socket(self, environ: Environ) -> Any:
        """Return the client's socket, or None where the server keeps it to itself."""
        websocket = environ.get("wsgi.websocket")
        if websocket is not None:
            return websocket.handler.socket
        connection = find_socket(environ)
        if connection is not None:
            return connection
        body = environ["wsgi.input"]
        # gevent's server gives the socket's file, to requests with a body within another object.
        file = getattr(body, "rfile", body)
        return getattr(getattr(file, "raw", None), "_sock", None)

    def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: Engine, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request.

        gevent's server writes an answer's head and its body one after the other, and the second
        would wait 40 ms and more for the client to acknowledge the first.
        """
        connection = self.find_socket(environ)
        if hasattr(connection, "setsockopt"):
            with contextlib.suppress(OSError):  # no TCP socket, or none any more
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return super().handle_request(engine, environ, start_response)

    def find_server(self, environ: Environ) -> Callable[[], bool] | None:
        """Return a function that tells whether gevent's server stops."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__") == "gevent.pywsgi":
                server: Any = getattr(frame.f_locals.get("self"), "server", None)
                if hasattr(server, "closed"):
                    return lambda: bool(server.closed)
            frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
        return None

    def send_now(self, connection: Any) -> Callable[[bytes | memoryview], int]:
        """Return what writes to a socket without waiting."""
        return functools.partial(connection.send, timeout=0.0)

    def create_websocket(self, engine: Engine, request: WSGIRequest) -> SocketWebSocket | None:
        """Return the websocket of an opening request, or None where the server gives no socket."""
        websocket = request.environ.get("wsgi.websocket")
        if websocket is None:
            return super().create_websocket(engine, request)
        connection = websocket.handler.socket
        opened = OpenedWebSocket(
            engine, request, connection, self.sender(connection), websocket.handler.rfile.read1
        )
        # All frames are written here; its own close frame would come after the end.
        websocket.closed = True
        return opened


class OpenedWebSocket(SocketWebSocket):
    """A websocket whose opening handshake gevent-websocket has answered already."""

    __slots__ = ()
    answers_handshake = False

    def accept(self, headers: Headers) -> None:
        """Begin; no headers can be sent any more."""
        self._connection.accept()

    def refuse(self, response: Response) -> None:
        """Close it: there is no other way to refuse what is open."""
        self._connection.accept()
        self.close(1008, response.reason)
        self.finish()


def serves_here() -> bool:
    """Tell whether the caller runs in a greenlet of gevent."""
    return isinstance(gevent.getcurrent().parent, gevent.hub.Hub)
