"""The async mode `tornado`: a request handler class, and how it gets into an application.

Websockets are served on the stream that Tornado gives away for such purposes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tornado import web
from tornado.iostream import IOStream, StreamClosedError

from socketio.abc import (
    AsyncMode,
    Attachment,
    BadLength,
    BodyTooLarge,
    Headers,
    Receiver,
    Request,
    Response,
    check_content_length,
)
from socketio.runtimes import AsyncioRuntime, create_task
from socketio.web import (
    BAD_REQUEST,
    POLICY_VIOLATION,
    FramedWebSocket,
    HTTPError,
    ReadingTurns,
    ServerConnection,
    WebSocketError,
    WebSocketState,
    close_when_stopped,
    handshake_key,
)

from .environ import address, build_environ

if TYPE_CHECKING:
    from socketio.web import AsyncEngine

CHUNK = 65536
"""Bytes that are read at a time."""


class TornadoRequest(Request):
    """A request of a Tornado server."""

    __slots__ = ("handler",)

    def __init__(self, handler: EngineHandler) -> None:
        request = handler.request
        super().__init__(request.method or "GET", request.query)
        self.handler = handler

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        return self.handler.request.headers.get(name)

    def head_size(self) -> int:
        """Return about how many bytes its headers and its query have."""
        headers = self.handler.request.headers.get_all()
        return len(self.query_string) + sum(len(name) + len(value) for name, value in headers)

    def build_environ(self) -> dict[str, Any]:
        """Return the WSGI-like description of the request."""
        request = self.handler.request
        connection: Any = request.connection
        peer = own = ("", "")
        stream = connection.stream
        if stream is not None and stream.socket is not None:
            with contextlib.suppress(OSError):  # the client has gone meanwhile
                peer = address(stream.socket.getpeername())
                own = address(stream.socket.getsockname())
        environ = build_environ(
            method=self.method,
            path=request.path,
            raw_uri=request.uri or "",
            query_string=self.query_string,
            headers=request.headers.get_all(),
            # With `xheaders=True` this is the address that a proxy tells.
            remote=(request.remote_ip or peer[0], peer[1]),
            server=own,
            scheme=request.protocol,
            http_version=request.version.removeprefix("HTTP/"),
            software="tornado",
        )
        environ["tornado.handler"] = self.handler
        return environ

    def watch_disconnect(self, gone: Callable[[], None]) -> Callable[[], None]:
        """Call a function when the client goes; see `Request.watch_disconnect`."""
        self.handler.client_gone = gone
        return self._stop_watching

    def _stop_watching(self) -> None:
        self.handler.client_gone = None

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the body to its end; see `Request.read_body`."""
        return await self.handler.body()


class TornadoWebSocket(FramedWebSocket):
    """A websocket on a stream of Tornado."""

    def __init__(self, engine: AsyncEngine, request: TornadoRequest) -> None:
        key = handshake_key(request.header)
        super().__init__(engine, ServerConnection(engine.config.max_http_buffer_size, key))
        self._handler = request.handler
        self._stream: IOStream | None = None
        self._turns = ReadingTurns()

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self._stream = self._handler.detach()
        if self._stream is not None:
            with contextlib.suppress(OSError):  # no TCP socket, or none any more
                self._stream.set_nodelay(True)
        self.answer_handshake(headers)

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake."""
        if self.connection.state is WebSocketState.OPENING:
            self._handler.answer(response)
        else:
            await self.close(POLICY_VIOLATION)

    def output(self, data: bytes) -> Any:
        """Write bytes."""
        if self._stream is None:
            raise ConnectionResetError("the client has gone")
        written = self._stream.write(data)
        return written if self._stream.writing() else None

    def unsent(self) -> int:
        """Return how many bytes wait for the stream; see `WebSocket.unsent`.

        Tornado tells nobody; where it keeps them elsewhere than expected, nothing is known.
        """
        return len(getattr(self._stream, "_write_buffer", None) or ())

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self.connection.lose()
        if self._stream is not None:
            self._stream.close()
        return True

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        stream = self._stream
        if stream is None:
            return
        self.receiver = transport
        connection = self.connection
        turns = self._turns
        try:
            while connection.state is not WebSocketState.CLOSED:
                if turns.are_over():
                    await turns.wait()
                    continue  # what was left of an earlier read may have ended the websocket
                data = await stream.read_bytes(CHUNK, partial=True)
                turns.received()
                self.deliver(data)
        except StreamClosedError as error:
            self.engine.logger.debug("the websocket's connection has ended: %r", error)
        finally:
            self.ended()
            self.hang_up()
        if connection.error is not None:
            raise connection.error

    def was_behind(self) -> bool:
        """Tell whether a read was too much for its turn, or came too soon after another one."""
        waited = self._turns.were_over()
        return super().was_behind() or waited

    def stop_reading(self) -> None:
        """Let the client wait: what it sends fills the buffers of the connection."""
        self._turns.pause()

    def start_reading(self) -> None:
        """Read on."""
        self._turns.resume()

    def hang_up(self) -> None:
        """End the connection when everything is written, or after `close_timeout` seconds."""
        stream = self._stream
        if stream is None or not stream.writing():
            if stream is not None:
                stream.close()
            return
        seconds = self.engine.config.close_timeout
        timer = asyncio.get_running_loop().call_later(seconds, stream.close)
        stream.set_close_callback(timer.cancel)
        # Writing nothing is done when everything before it is.
        stream.write(b"").add_done_callback(lambda _: stream.close())


@web.stream_request_body
class EngineHandler(web.RequestHandler):
    """Serves the endpoint; `get_tornado_handler` makes a subclass for each server."""

    server: Any
    """The Socket.IO or Engine.IO server."""
    client_gone: Callable[[], None] | None = None
    """Called when the client goes before it has its answer."""
    _body: asyncio.Future[bytes] | None = None
    _serving: asyncio.Task[None] | None = None

    @property
    def engine(self) -> AsyncEngine:
        """The Engine.IO server."""
        engine: AsyncEngine = getattr(self.server, "eio", self.server)
        return engine

    # -- what Tornado calls ---------------------------------------------------------------

    def prepare(self) -> None:
        """Begin to take a request; its body is yet to come."""
        if self.request.method != "POST":
            return
        limit = self.engine.config.max_http_buffer_size
        connection: Any = self.request.connection
        # Past our own limit, so that it is us who answer; and whatever the application's is.
        connection.set_max_body_size(limit + 4 * CHUNK)
        self._chunks: list[bytes] = []
        self._size = 0
        self._body = asyncio.get_running_loop().create_future()
        try:
            length = check_content_length(self.request.headers.get("Content-Length"))
        except BadLength:
            length = None  # the engine answers that
        if length is not None and length > limit:
            self._refuse_body()
        # The engine is to know of the request before its body has come.
        self._serving = create_task(self.server.handle_request(self))

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body; one that is too long is answered before it has ended."""
        if self._body is None or self._body.done():
            return
        self._size += len(chunk)
        self._chunks.append(chunk)
        if self._size > self.engine.config.max_http_buffer_size:
            self._refuse_body()

    def _refuse_body(self) -> None:
        assert self._body is not None
        limit = self.engine.config.max_http_buffer_size
        self._chunks.clear()
        self._body.set_exception(BodyTooLarge(f"a body of more than {limit} bytes"))
        self._body.exception()  # where nobody asks for the body, nobody misses it

    async def body(self) -> bytes:
        """Return the body when it has come.

        Raises:
            BodyTooLarge: It is longer than `max_http_buffer_size`.
            ConnectionResetError: The client has gone meanwhile.
        """
        # Shielded, since whoever waits may lose patience, and others wait too.
        return b"" if self._body is None else await asyncio.shield(self._body)

    async def skip_body(self) -> None:
        """Let the body end: Tornado closes the connection otherwise, and may lose the answer."""
        with contextlib.suppress(BodyTooLarge, TimeoutError):
            async with asyncio.timeout(self.engine.config.body_timeout):
                await self.body()

    async def post(self, *args: Any, **kwargs: Any) -> None:
        """Note that the body is complete."""
        assert self._serving is not None
        if self._body is not None and not self._body.done():
            self._body.set_result(b"".join(self._chunks))
        await self._serving

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Serve a request without a body."""
        await self.server.handle_request(self)

    head = delete = patch = put = options = get

    def on_connection_close(self) -> None:
        """Note that the client has gone."""
        if self._body is not None and not self._body.done():
            self._body.set_exception(ConnectionResetError("the client has gone"))
            self._body.exception()  # where nobody asks for the body, nobody misses it
        if self.client_gone is not None:
            gone, self.client_gone = self.client_gone, None
            gone()

    def check_xsrf_cookie(self) -> None:
        """Let the engine check the origin instead: its clients know no XSRF token."""

    def check_trusted_origin(self, origin: str) -> bool:
        """Let the engine check the origin, by its own options."""
        return True

    def compute_etag(self) -> str | None:
        """Answers to polls are never the same."""
        return None

    # -- answers --------------------------------------------------------------------------

    def answer(self, response: Response) -> None:
        """Give a whole HTTP answer to Tornado."""
        if self._finished:
            return
        self.set_status(response.status)
        self.clear_header("Content-Type")
        for name, value in response.headers:
            self.add_header(name, value)
        try:
            self.finish(response.body if self.request.method != "HEAD" else None)
        except StreamClosedError as error:
            self.engine.logger.debug("no answer: %r", error)


class TornadoMode(AsyncMode):
    """Requests come as request handlers; everything runs in Tornado's asyncio loop."""

    name = "tornado"

    def __init__(self) -> None:
        self._watches = False

    def create_runtime(self) -> AsyncioRuntime:
        """Return the asyncio runtime."""
        return AsyncioRuntime()

    async def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: AsyncEngine, handler: EngineHandler
    ) -> None:
        """Serve one request.

        Args:
            engine: The engine that is to serve it.
            handler: Tornado's handler of the request, which takes the answer.
        """
        if not self._watches:
            self._watches = True
            close_when_stopped(engine, unhandled_signals=True)  # Tornado itself tells nobody
        request = TornadoRequest(handler)
        if (request.header("Upgrade") or "").lower() != "websocket":
            try:
                response = await engine.handle_http(request)
                if not response.ends_connection:
                    await handler.skip_body()
                handler.answer(response)
            except ConnectionResetError as error:
                engine.logger.debug("no answer: %r", error)
            return
        try:
            websocket = TornadoWebSocket(engine, request)
        except WebSocketError as error:
            refusal = HTTPError(BAD_REQUEST, f"Invalid websocket upgrade: {error}")
            handler.answer(refusal.response())
            return
        await engine.handle_websocket(request, websocket)

    def get_tornado_handler(self, engineio_server: Any) -> type[EngineHandler]:
        """Return the request handler class that serves a server.

        Args:
            engineio_server: The `AsyncServer` or `AsyncEngine`.

        Returns:
            A class for the routes of a `tornado.web.Application`.
        """
        getattr(engineio_server, "eio", engineio_server).use_mode("tornado")
        return type("Handler", (EngineHandler,), {"server": engineio_server})


class TornadoAttachment(Attachment):
    """Adds the endpoint's handler to a `tornado.web.Application`."""

    mode = "tornado"

    def attach(self, server: Any, app: Any, socketio_path: str, **options: Any) -> Any:
        """Add the endpoint to an application, for every host name and before its other routes.

        Args:
            server: The server.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: None.

        Returns:
            The application itself.
        """
        handler = getattr(server, "eio", server).mode.get_tornado_handler(server)
        path = f"/{socketio_path}" if socketio_path else ""
        app.add_handlers(".*", [(f"{path}/?", handler)], **options)
        return app
