"""The async mode `tornado`: a request handler class, and how it gets into an application.

Called by Tornado's HTTP server; it knows Tornado and the neutral requests and websockets of the
engine. Websockets are served on the stream that Tornado gives away for such purposes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tornado import web
from tornado.iostream import IOStream, StreamClosedError

from socketio.abc.mode import AsyncMode, Attachment
from socketio.abc.transport import Receiver, WebSocket
from socketio.engine.http import (
    BAD_REQUEST,
    BodyTooLarge,
    Headers,
    HTTPError,
    Request,
    Response,
)
from socketio.protocol.engine import Packet
from socketio.protocol.websocket import (
    CLOSE,
    NO_STATUS,
    NORMAL,
    PING,
    PONG,
    BrokenStream,
    ControlFrame,
    FrameParser,
    Received,
    WebSocketError,
    answer_handshake,
    encode_close,
    encode_control,
    encode_frame,
    handshake_key,
)
from socketio.runtimes.asyncio_runtime import AsyncioRuntime

from .environ import address, build_environ
from .stopping import StopOnSignal

if TYPE_CHECKING:
    from socketio.engine.asynchronous.engine import AsyncEngine

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


class TornadoWebSocket(WebSocket):
    """A websocket on a stream of Tornado."""

    __slots__ = (
        "_close_sent",
        "_corked",
        "_engine",
        "_handler",
        "_key",
        "_parser",
        "_stream",
        "_timer",
    )

    def __init__(self, engine: AsyncEngine, handler: EngineHandler, key: str) -> None:
        self._engine = engine
        self._handler = handler
        self._key = key
        self._parser = FrameParser(engine.config.max_http_buffer_size)
        self._stream: IOStream | None = None
        self._corked: list[bytes] | None = None
        self._close_sent = False
        self._timer: asyncio.TimerHandle | None = None

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self._stream = stream = self._handler.detach()
        if stream is None:  # the client has gone
            self._close_sent = True
            return
        try:
            stream.set_nodelay(True)
            stream.write(answer_handshake(self._key, headers))
        except OSError as error:
            self._engine.logger.debug("cannot accept a websocket: %s", error)

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake."""
        if self._stream is None:
            self._handler.answer(response)
        else:
            await self.close(1008)

    def write(self, packet: Packet) -> Any:
        """Send one message; see `WebSocket.write`."""
        stream = self._stream
        if stream is None or self._close_sent:
            raise ConnectionResetError("the websocket is closed")
        frame: bytes | None = packet.wire
        if frame is None:
            frame = packet.wire = encode_frame(packet.websocket)
        if self._corked is not None:
            self._corked.append(frame)
            return None
        written = stream.write(frame)
        return written if stream.writing() else None

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        stream = self._stream
        if stream is None:
            return
        try:
            while not self._parser.closed:
                self._deliver(transport, await stream.read_bytes(CHUNK, partial=True))
        except StreamClosedError:
            return
        except WebSocketError as error:
            await self.close(error.code, error.reason)
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if stream.writing():
                self._close_when_written(stream)
            else:
                stream.close()

    def _close_when_written(self, stream: IOStream) -> None:
        seconds = self._engine.config.close_timeout
        self._timer = asyncio.get_running_loop().call_later(seconds, stream.close)
        with contextlib.suppress(StreamClosedError):
            stream.write(b"").add_done_callback(lambda _: stream.close())

    def _deliver(self, transport: Receiver, data: bytes) -> None:
        """Deal with the messages of one read, and let the answers out in one write."""
        broken: BrokenStream | None = None
        try:
            messages: list[Received] = self._parser.feed(data)
        except BrokenStream as error:
            messages, broken = error.received, error
        self._corked = []
        try:
            for message in messages:
                if isinstance(message, ControlFrame):
                    self._control(message)
                else:
                    transport.receive(message)
        finally:
            self._uncork()
        if broken is not None:
            raise broken

    def _uncork(self) -> None:
        frames, self._corked = self._corked, None
        if frames and self._stream is not None:
            with contextlib.suppress(StreamClosedError):  # the next read finds out too
                self._stream.write(frames[0] if len(frames) == 1 else b"".join(frames))

    def _control(self, frame: ControlFrame) -> None:
        if frame.opcode == PING:
            self._write_control(encode_control(PONG, frame.payload))
        elif frame.opcode == CLOSE and not self._close_sent:
            self._write_control(encode_close(NORMAL if frame.code == NO_STATUS else frame.code))
            self._close_sent = True

    def _write_control(self, frame: bytes) -> None:
        if self._corked is not None:
            self._corked.append(frame)
        elif self._stream is not None:
            with contextlib.suppress(StreamClosedError):  # the next read finds out too
                self._stream.write(frame)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Send a close frame; the client has `close_timeout` seconds for its answer."""
        stream = self._stream
        if stream is None or self._close_sent:
            return
        self._write_control(encode_close(code, reason))
        self._close_sent = True
        seconds = self._engine.config.close_timeout
        self._timer = asyncio.get_running_loop().call_later(seconds, stream.close)


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
        length = self.request.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > limit:
            self._refuse_body()
        # The engine is to know of the request before its body has come.
        self._serving = asyncio.ensure_future(self.server.handle_request(self))

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
        return b"" if self._body is None else await self._body

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
            self.engine.logger.debug("no answer: %s", error)


class TornadoMode(AsyncMode):
    """Requests come as request handlers; everything runs in Tornado's asyncio loop."""

    name = "tornado"

    def __init__(self) -> None:
        self._stop: StopOnSignal | None = None

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
        if self._stop is None:
            self._stop = StopOnSignal(handler.server)
            self._stop.watch()
        request = TornadoRequest(handler)
        if (request.header("Upgrade") or "").lower() != "websocket":
            try:
                response = await engine.handle_http(request)
                # A connection that is closed with something unread loses the answer.
                with contextlib.suppress(BodyTooLarge):
                    await handler.body()
                handler.answer(response)
            except ConnectionResetError as error:
                engine.logger.debug("no answer: %s", error)
            return
        try:
            key = handshake_key(request.header)
        except WebSocketError as error:
            refusal = HTTPError(BAD_REQUEST, f"Invalid websocket upgrade: {error}")
            handler.answer(refusal.response())
            return
        await engine.handle_websocket(request, TornadoWebSocket(engine, handler, key))

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
