"""WSGI: requests, answers, and websockets on the web server's own socket.

It makes the engine's neutral requests of `(environ, start_response)`. Modes for real threads and
for greenlets are built on it.
"""

from __future__ import annotations

import contextlib
import functools
import select
import socket
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from .._core.logs import escaped
from ..abc.http import environ_key
from ..abc.mode import AsyncMode
from ..engine.cors import check_layer
from ..engine.http import (
    BAD_REQUEST,
    NO_WEBSOCKET,
    BodyTooLarge,
    BodyTooSlow,
    HTTPError,
    Request,
    Response,
)
from ..exceptions import ProtocolError
from ..protocol.websocket import WebSocketError
from .raw_websocket import RawWebSocket
from .server_stop import stop_in_thread

if TYPE_CHECKING:
    from .._sync.engine import Engine
    from ..runtimes.threads.runtime import ThreadingRuntime

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

SOCKET_KEYS = ("werkzeug.socket", "gunicorn.socket")
"""Under these names servers put their client's socket into `environ`."""

CHUNK = 65536

DRAIN_SECONDS = 1.0
"""How long the rest of a refused body is taken, after the answer to it."""

DRAIN_IDLE_SECONDS = 0.1
"""After so long without a byte the client is taken to have sent everything, or to wait."""


class WSGIRequest(Request):
    """A request of a WSGI server.

    Args:
        environ: The server's.
        runtime: Gives timers, to notice that the client has gone.
        connection: The client's socket, if the server gives it.
        body_timeout: Seconds that the body may take; needs a runtime.
    """

    __slots__ = ("_body_read", "_body_timeout", "_connection", "_runtime")

    def __init__(
        self,
        environ: Environ,
        runtime: ThreadingRuntime | None = None,
        connection: Any = None,
        body_timeout: float = 0,
    ) -> None:
        super().__init__(environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""))
        self._environ = environ
        self._runtime = runtime
        self._connection = connection
        self._body_timeout = body_timeout
        self._body_read = False

    def header(self, name: str) -> str | None:
        """Return the value of a header (name in lower case), or None."""
        if name == "content-length" and "headers_raw" in self.environ:
            # eventlet's own: of two lengths it hands on the first.
            raw = self.environ["headers_raw"]
            return ",".join(each for key, each in raw if key.lower() == name) or None
        value: str | None = self.environ.get(environ_key(name))
        return value

    def build_environ(self) -> Environ:
        """Return the server's own environ, which is what is wanted."""
        return self.environ

    def watch_disconnect(self, gone: Callable[[], None]) -> Callable[[], None] | None:
        """Call a function when the client goes; see `Request.watch_disconnect`."""
        connection = self._connection
        if self._runtime is None or connection is None or is_tls(connection):
            return None  # of TLS nothing can be looked at without taking it
        return DisconnectWatch(self._runtime, connection, gone).stop

    def read_body(self, max_bytes: int) -> bytes:
        """Read the body to its end; see `Request.read_body`."""
        self._body_read = True
        body = self.environ["wsgi.input"]
        length = self.content_length(max_bytes)
        if length is not None:
            remaining = length
        elif self.environ.get("wsgi.input_terminated"):
            remaining = max_bytes + 1
        else:
            return b""  # nobody says where it would end
        assert self._runtime is not None  # only requests for static files have none
        chunks = []
        size = 0
        with BodyDeadline(self._runtime, self._connection, self._body_timeout) as deadline:
            while remaining > 0 and not deadline.expired:
                try:
                    chunk = body.read(min(remaining, CHUNK))
                except (OSError, ValueError) as error:  # ValueError: a chunk without a size
                    raise HTTPError(BAD_REQUEST, "The body breaks off") from error
                if not chunk:
                    break
                chunks.append(chunk)
                size += len(chunk)
                remaining -= len(chunk)
        if size > max_bytes:
            raise BodyTooLarge(f"a body of more than {max_bytes} bytes")
        return b"".join(chunks)

    def skip_body(self, max_bytes: int) -> bool:
        """Read the body if nobody has: a server would wait for it, or lose the answer.

        Returns:
            Whether it was read to its end.
        """
        announced = self.environ.get("CONTENT_LENGTH") or self.header("transfer-encoding")
        if self._body_read or announced in (None, "0"):
            return True
        try:
            self.read_body(max_bytes)
        except (HTTPError, ProtocolError):
            return False
        return True


class BodyDeadline:
    """Lets a thread that reads a body find its end when it takes too long.

    A timeout of the socket would not do: it begins anew with every byte. Where the server gives
    no socket, the thread learns of it when its read returns.

    Args:
        runtime: Gives the timer.
        connection: The client's socket, or None.
        seconds: How long the body may take.
    """

    def __init__(self, runtime: ThreadingRuntime, connection: Any, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._timer = runtime.call_later(seconds, self._expire)
        self.expired = False
        """Whether the time is over."""

    def _expire(self) -> None:
        self.expired = True
        stop_reading(self._connection)

    def __enter__(self) -> BodyDeadline:
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        if self.expired:
            # Whatever the read has come to: it was ended in the middle.
            raise BodyTooSlow(self._seconds)


class DisconnectWatch:
    """Looks now and then whether the client of a request that waits is still there.

    Args:
        runtime: Gives the timers.
        connection: The client's socket.
        gone: Called once when the client is gone.
    """

    SECONDS = 1.0

    def __init__(
        self, runtime: ThreadingRuntime, connection: Any, gone: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._socket = connection
        self._gone = gone
        self._stopped = False
        self._timer = runtime.call_later(self.SECONDS, self._look)

    def stop(self) -> None:
        """End the watch."""
        self._stopped = True
        self._timer.cancel()

    def _look(self) -> None:
        try:
            # Bytes would be the next request already: they are left alone.
            gone = is_readable(self._socket) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            gone = True  # closed, and then it is stopped as well; ValueError: its number is -1
        if self._stopped:
            return
        if gone:
            self._gone()
        else:
            self._timer = self._runtime.call_later(self.SECONDS, self._look)


class WSGIMode(AsyncMode):
    """Requests come as `(environ, start_response)`."""

    drains_refused_bodies: ClassVar[bool] = True
    """Whether what a client still sends of a refused body is taken off its socket.

    Not where the server counts on reading that itself."""

    def find_socket(self, environ: Environ) -> Any:
        """Return the client's socket, or None where the server keeps it to itself."""
        return find_socket(environ)

    def stop_before(self, engine: Engine, then: Callable[[], None]) -> None:
        """Stop an engine from a signal handler, and call a function afterwards.

        Args:
            engine: The engine.
            then: Ends the process.
        """
        stop_in_thread(engine, then)

    @abstractmethod
    def create_websocket(self, engine: Engine, request: WSGIRequest) -> RawWebSocket | None:
        """Return the websocket of an opening request, or None where the server gives no socket.

        Raises:
            WebSocketError: The request is no valid opening handshake.
        """

    def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: Engine, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        connection = self.find_socket(environ)
        request = WSGIRequest(environ, engine.runtime, connection, engine.config.body_timeout)
        if (request.header("upgrade") or "").lower() == "websocket":
            return self._handle_websocket(engine, request, start_response)
        if not engine.cors_checked:
            check_layer(engine, request.header("origin"), start_response)
        sent = functools.partial(engine.answering.discard, request)
        engine.answering.add(request)
        try:
            body = self._answer(engine, request, start_response)
        except BaseException:
            sent()
            raise
        if engine.stopping:
            return LastAnswer(body, sent)
        sent()
        return body

    def _answer(
        self, engine: Engine, request: WSGIRequest, start_response: StartResponse
    ) -> Iterable[bytes]:
        response = engine.handle_http(request)
        complete = not response.ends_connection and request.skip_body(
            engine.config.max_http_buffer_size
        )
        connection = self.find_socket(request.environ)
        body = send_response(start_response, response, request.method)
        if not complete and connection is not None and self.drains_refused_bodies:
            return answer_and_drain(body, engine.runtime, connection)
        if engine.stopping or not complete:
            stop_reading(connection)
        return body

    def _handle_websocket(
        self, engine: Engine, request: WSGIRequest, start_response: StartResponse
    ) -> Iterable[bytes]:
        try:
            websocket = self.create_websocket(engine, request)
        except WebSocketError as error:
            engine.logger.info("websocket refused: %s", escaped(error))
            refusal = HTTPError(BAD_REQUEST, f"Invalid websocket upgrade: {error}").response()
            return send_response(start_response, refusal, request.method)
        if websocket is None:
            engine.warn_no_websocket()
            return send_response(start_response, NO_WEBSOCKET.response(), request.method)
        engine.handle_websocket(request, websocket)
        if websocket.refusal is not None:
            return send_response(start_response, websocket.refusal, request.method)
        return self.end_websocket(request.environ, start_response)

    def end_websocket(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Tell the server that there is nothing to answer any more."""
        # What the server writes now goes nowhere: the socket is shut down already. It only
        # wants to be told something, and logs it.
        start_response("101 Switching Protocols", [("Connection", "Upgrade")])
        return []


class LastAnswer:
    """The body of an answer that is given while the engine stops.

    Args:
        body: The body.
        sent: Called when the server has sent it, or has given up.
    """

    def __init__(self, body: Iterable[bytes], sent: Callable[[], None]) -> None:
        self._body = body
        self.close = sent

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)


def find_socket(environ: Environ) -> Any:
    """Return the client's socket, or None where the server keeps it to itself."""
    for key in SOCKET_KEYS:
        if environ.get(key) is not None:
            return environ[key]
    return None


def is_readable(connection: Any) -> bool:
    """Tell whether a socket has bytes, or the end of the connection, to read now."""
    if not hasattr(select, "poll"):  # Windows, where `select` takes sockets of any number
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def is_tls(connection: Any) -> bool:
    """Tell whether a socket is one of TLS: of threads, gevent or eventlet."""
    return hasattr(connection, "do_handshake")


def stop_reading(connection: Any) -> None:
    """Let the server find the end of the connection when it reads on.

    So no thread waits for the rest of a body that was refused, and a server that stops does not
    keep the connection for requests to come. Answers are still written.
    """
    if connection is None:
        return
    with contextlib.suppress(OSError, ValueError):  # the client is gone; ValueError: number -1
        # Of a socket of TLS the method would end the encryption, and the answer be sent in clear.
        with socket.socket(fileno=socket.dup(connection.fileno())) as plain:
            plain.shutdown(socket.SHUT_RD)


def answer_and_drain(
    body: Iterable[bytes], runtime: ThreadingRuntime, connection: Any
) -> Iterator[bytes]:
    """Give the answer to a request whose body is refused, then take what is still sent of it.

    A connection that is closed with unread bytes is reset, and a client that is still sending then
    never reads its answer (RFC 9112, section 9.6, "Tear-down"). Not in `close`: some servers read
    before they call it, as long as the client likes.

    Args:
        body: The answer's.
        runtime: Lets others run meanwhile.
        connection: The client's socket.
    """
    try:
        yield from body
        _drain(runtime, connection)
    finally:
        stop_reading(connection)


def _drain(runtime: ThreadingRuntime, connection: Any) -> None:
    end = runtime.now() + DRAIN_SECONDS
    idle = runtime.now() + DRAIN_IDLE_SECONDS
    with contextlib.suppress(OSError, ValueError):  # the client is gone; ValueError: number -1
        with socket.socket(fileno=socket.dup(connection.fileno())) as plain:
            while (now := runtime.now()) < min(end, idle):
                if not is_readable(plain):
                    runtime.sleep(0.005)
                elif plain.recv(CHUNK):
                    idle = now + DRAIN_IDLE_SECONDS
                else:
                    return


def send_response(
    start_response: StartResponse, response: Response, method: str = "GET"
) -> Iterable[bytes]:
    """Give a whole HTTP answer to the server.

    Args:
        start_response: The server's.
        response: The answer.
        method: The request's; HEAD gets no body.
    """
    headers = response.headers
    bodiless = response.status in (204, 304)
    if not bodiless and not any(name.lower() == "content-length" for name, _ in headers):
        headers = [*headers, ("Content-Length", str(len(response.body)))]
    start_response(f"{response.status} {response.reason}", headers)
    return [] if bodiless or method == "HEAD" else [response.body]
