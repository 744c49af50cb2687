"""The async mode `gevent_uwsgi`: uWSGI with its gevent loop (`--gevent 1000 --http-websockets`).

Websockets are read and written on the connection itself, so uWSGI's own pings and size limits do
not interfere.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
import gevent.socket

from socketio.abc import Headers, Receiver, Response
from socketio.web import Environ, ServerStop, SocketWebSocket, StartResponse, WSGIRequest

from . import gevent_mode

try:
    import uwsgi
except ImportError as error:
    raise ImportError(
        "the async mode 'gevent_uwsgi' works only in a process that uWSGI has started: "
        "uwsgi --http :5000 --gevent 1000 --http-websockets --master --wsgi-file app.py"
    ) from error

if TYPE_CHECKING:
    from socketio.web import Engine


EXIT_SECONDS = 5.0
"""How long what is called at the end of a worker may take."""


class GeventUWSGIMode(gevent_mode.GeventMode):
    """Each request runs in a greenlet of uWSGI's gevent loop."""

    name = "gevent_uwsgi"

    def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: Engine, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        # uWSGI takes the same dict for other requests once this one has its answer, and a session
        # keeps the environ that it was opened with.
        environ = dict(environ)
        if self._server_stop is None:
            self._server_stop = server_stop = ServerStop(engine)
            call_at_exit(server_stop.stop, server_stop.finish)
            # A reload waits for all requests, and websockets would never end by themselves.
            self._reload_handler = gevent.signal_handler(signal.SIGHUP, server_stop.stop)
        if not keeps_alive():

            def start_closing(status: str, headers: Headers, *exc_info: Any) -> Any:
                return start_response(status, [*headers, ("Connection", "close")], *exc_info)

            return super().handle_request(engine, environ, start_closing)
        return super().handle_request(engine, environ, start_response)

    def find_socket(self, environ: Environ) -> Connection:
        """Return what can be done with the connection of a request."""
        return Connection(uwsgi.connection_fd())

    def find_server(self, environ: Environ) -> Callable[[], bool] | None:
        """Return None: uWSGI itself calls what is to be done at its end."""
        return None

    def create_websocket(self, engine: Engine, request: WSGIRequest) -> SocketWebSocket | None:
        """Return the websocket of an opening request, or None where the router passes none on."""
        if not passes_websockets(request.environ):
            engine.warn_no_websocket("start uWSGI with --http-websockets")
            return None
        # uWSGI closes its own number of the connection, when it sees fit.
        connection = gevent.socket.socket(fileno=os.dup(uwsgi.connection_fd()))
        try:
            return UWSGIWebSocket(engine, request, connection, self.send_now(connection))
        except BaseException:
            connection.close()
            raise

    def end_websocket(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Tell uWSGI that there is nothing to answer any more."""
        return []


class Connection:
    """The connection of a request that uWSGI serves: no socket, only its number.

    Args:
        number: The number.
    """

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """Return the number."""
        return self._number

    def recv(self, size: int, flags: int) -> bytes:
        """Read, or only look at, what has arrived; only called when something has."""
        with socket.socket(fileno=os.dup(self._number)) as copy:
            return copy.recv(size, flags)


class UWSGIWebSocket(SocketWebSocket):
    """A websocket on a copy of uWSGI's connection, closed when it has been served."""

    __slots__ = ()

    def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        try:
            super().accept(headers)
        except OSError:
            self._socket.close()
            raise

    def refuse(self, response: Response) -> None:
        """Refuse the opening handshake; the mode sends the answer."""
        super().refuse(response)
        if self.refusal is not None:
            self._socket.close()

    def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        try:
            super().serve(transport)
        finally:
            self._socket.close()


def call_at_exit(first: Callable[[], None], last: Callable[[], None]) -> None:
    """Have uWSGI call functions when the worker ends, around what it was to call until now."""
    before: Callable[[], None] | None = getattr(uwsgi, "atexit", None)

    begun = False
    done = gevent.event.Event()

    def at_exit() -> None:
        nonlocal begun
        if begun:
            # uWSGI calls it again when we wait, and ends the process when this returns.
            done.wait(EXIT_SECONDS)
            return
        begun = True
        try:
            first()
            if before is not None:
                before()
        finally:
            last()
            done.set()

    uwsgi.atexit = at_exit


def is_set(option: str) -> bool:
    """Tell whether uWSGI was started with an option, on its command line or in a file."""
    return option in uwsgi.opt or option.encode() in uwsgi.opt


def passes_websockets(environ: Environ) -> bool:
    """Tell whether what the client of a request sends after its headers arrives here.

    uWSGI's HTTP router throws it away unless an option says otherwise. A router that is a uWSGI
    of its own has options that are not known here.
    """
    if environ.get("UWSGI_ROUTER") != "http" or not (is_set("http") or is_set("https")):
        return True
    return is_set("http-websockets") or is_set("http-raw-body")


def keeps_alive() -> bool:
    """Tell whether uWSGI's HTTP router takes further requests on a connection.

    Otherwise it closes each connection after its answer without a word, and a client that sends
    its next POST in this moment loses it.
    """
    return is_set("http-keepalive")


def serves_here() -> bool:
    """Tell whether uWSGI serves, or will serve, with its gevent loop.

    An application that starts its server while uWSGI loads it is in no greenlet yet.
    """
    return is_set("gevent") or gevent_mode.serves_here()
