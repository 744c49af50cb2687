"""The async mode `aiohttp`, and how a server becomes part of an aiohttp application.

Called by aiohttp's router with each request of the endpoint's path; it knows aiohttp and the
neutral requests and websockets of the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from socketio.abc.mode import AsyncMode, Attachment
from socketio.abc.transport import MAX_CORKED, Receiver, WebSocket
from socketio.engine.http import BodyTooLarge, Headers, Request, Response
from socketio.exceptions import ProtocolError
from socketio.protocol.engine import Packet
from socketio.protocol.websocket import encode_frame
from socketio.runtimes.asyncio_runtime import AsyncioRuntime

from .aiohttp_cors_headers import CrossOriginResponse
from .aiohttp_parsing import DirectWebSocketResponse, direct_parsing_works
from .cors import split_cors
from .environ import address, build_environ

if TYPE_CHECKING:
    from socketio.engine.asynchronous.engine import AsyncEngine

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY

WATCH_INTERVAL = 0.5
"""Seconds between two looks for clients that went away during a poll."""


class PollWatch:
    """Notices clients that go away while their poll waits.

    aiohttp tells a running handler nothing when its connection is lost, but it takes the
    transport from the request. One timer looks at all polls, and none runs without a poll.
    """

    def __init__(self) -> None:
        self._polls: dict[AiohttpRequest, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: AiohttpRequest, gone: Callable[[], None]) -> Callable[[], None]:
        """Watch a request.

        Args:
            request: The poll.
            gone: Called once, if its client goes.

        Returns:
            A function that ends the watch.
        """
        self._polls[request] = gone
        if self._timer is None:
            self._wait()

        def stop() -> None:
            self._polls.pop(request, None)

        return stop

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_INTERVAL, self._look)

    def _look(self) -> None:
        self._timer = None
        for request, gone in list(self._polls.items()):
            transport = request.request.transport
            if transport is None or transport.is_closing():
                self._polls.pop(request, None)
                gone()
        if self._polls:
            self._wait()


class AiohttpRequest(Request):
    """A request of an aiohttp server."""

    __slots__ = ("_headers", "_watch", "request")

    def __init__(self, request: web.Request, watch: PollWatch) -> None:
        super().__init__(request.method, request.rel_url.raw_query_string)
        self.request = request
        self._headers = request.headers
        self._watch = watch

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        return self._headers.get(name)

    def build_environ(self) -> dict[str, Any]:
        """Return the WSGI-like description of the request."""
        request = self.request
        transport = request.transport
        peer = address(transport.get_extra_info("peername") if transport else None)
        environ = build_environ(
            method=self.method,
            path=request.path,
            raw_uri=request.raw_path,
            query_string=self.query_string,
            headers=request.headers.items(),
            # A middleware that trusts a proxy says here who its client was.
            remote=(request.remote or peer[0], peer[1]),
            server=address(transport.get_extra_info("sockname") if transport else None),
            scheme=request.scheme,
            http_version=f"{request.version.major}.{request.version.minor}",
            software="aiohttp",
        )
        environ["aiohttp.request"] = request
        return environ

    def watch_disconnect(self, gone: Callable[[], None]) -> Callable[[], None]:
        """Call a function when the client goes; see `Request.watch_disconnect`."""
        return self._watch.add(self, gone)

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the body to its end, whatever the application's `client_max_size` is."""
        length = self.request.content_length
        if length is not None and length > max_bytes:
            raise BodyTooLarge(f"a body of {length} bytes, at most {max_bytes} allowed")
        chunks = []
        size = 0
        try:
            async for chunk in self.request.content.iter_any():
                size += len(chunk)
                if size > max_bytes:
                    raise BodyTooLarge(f"a body of more than {max_bytes} bytes")
                chunks.append(chunk)
        except web.RequestPayloadError as error:
            raise ProtocolError(f"the body of a request is broken: {error}") from error
        return b"".join(chunks)


class AiohttpWebSocket(WebSocket):
    """A websocket of an aiohttp server."""

    __slots__ = (
        "_closed",
        "_closing",
        "_corked",
        "_corked_size",
        "_drain",
        "_engine",
        "_frames",
        "_request",
        "_websocket",
    )

    def __init__(
        self, engine: AsyncEngine, request: web.Request, websocket: web.WebSocketResponse
    ) -> None:
        self._engine = engine
        self._request = request
        self._websocket = websocket
        self._closed = False
        self._closing: asyncio.Future[None] | None = None
        self._corked: list[bytes] | None = None
        self._corked_size = 0
        self._frames: asyncio.Transport | None = None
        self._drain: AbstractStreamWriter | None = None

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self._websocket.headers.extend(headers)
        try:
            self._drain = await self._websocket.prepare(self._request)
        except ConnectionError as error:
            # `serve` then ends at once, as for every client that goes.
            self._engine.logger.debug("cannot accept a websocket: %s", error)
            self._closed = True
            return
        if not self._websocket.compress:
            self._frames = self._request.transport

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake."""
        if self._websocket.prepared:
            await self.close(1008)
        else:
            raise Refused(response)

    def write(self, packet: Packet) -> Any:
        """Send one message; see `WebSocket.write`."""
        transport = self._frames
        if self._closed:
            raise ConnectionResetError("the websocket is closed")
        if transport is None:
            return self._engine.runtime.start(self._send, packet.websocket)
        # The same bytes for all recipients, without a coroutine: aiohttp would make each
        # frame anew. Its own frames (pongs, the close) go through the same transport.
        frame: bytes | None = packet.wire
        if frame is None:
            frame = packet.wire = encode_frame(packet.websocket)
        if self._corked is not None:
            self._corked.append(frame)
            self._corked_size += len(frame)
            if self._corked_size > MAX_CORKED:
                self.uncork()
                self.cork()
            return None
        if transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        transport.write(frame)
        if transport.get_write_buffer_size():
            return self._engine.runtime.start(self._wait_for_drain)
        return None

    def cork(self) -> None:
        """Keep what is written until `uncork`, if the client reads what it is sent."""
        transport = self._frames
        if transport is not None and not (
            transport.get_write_buffer_size() or transport.is_closing()
        ):
            self._corked = []

    def uncork(self) -> None:
        """Write what was kept."""
        frames, self._corked, self._corked_size = self._corked, None, 0
        if frames and self._frames is not None:
            self._frames.write(frames[0] if len(frames) == 1 else b"".join(frames))

    async def _send(self, data: str | bytes) -> None:
        try:
            if isinstance(data, str):
                await self._websocket.send_str(data)
            else:
                await self._websocket.send_bytes(data)
        except (OSError, RuntimeError) as error:
            self._closed = True
            self._engine.logger.debug("cannot send: %r", error)

    async def _wait_for_drain(self) -> None:
        assert self._drain is not None
        try:
            await self._drain.drain()
        except OSError as error:
            self._closed = True
            self._engine.logger.debug("cannot send: %r", error)

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        receive = self._websocket.receive
        direct = self._websocket if isinstance(self._websocket, DirectWebSocketResponse) else None
        while not self._closed:
            if direct is not None and direct.hand_over(transport, self):
                direct = None  # from here on `receive` returns only what ends the websocket
            try:
                message = await receive()
            except ConnectionError as lost:  # aiohttp answers a ping of a client that has gone
                self._engine.logger.debug("cannot receive: %s", lost)
                self._closed = True
                break
            kind = message.type
            if kind is _TEXT or kind is _BINARY:
                transport.receive(message.data)
            elif kind is WSMsgType.ERROR:
                self._closed = True
                error = message.data
                if isinstance(error, ConnectionError):
                    return
                raise ProtocolError(f"a broken websocket message: {error}") from error
            else:  # closed by either side
                self._closed = True
        if self._closing is not None:
            # aiohttp cuts the connection when the handler ends, and with it the close frame.
            await asyncio.wait([self._closing])

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the websocket; harmless when it is closed."""
        if self._closed:
            return
        self._closed = True
        self.uncork()
        closing = self._closing = asyncio.get_running_loop().create_future()
        try:
            await self._websocket.close(code=code, message=reason.encode()[:123])
        finally:
            closing.set_result(None)

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self._closed = True
        transport = self._request.transport
        if transport is not None:
            transport.abort()
        return True


class Refused(Exception):
    """A websocket that was refused before it was accepted.

    Args:
        response: The answer.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class AiohttpMode(AsyncMode):
    """Requests come as `aiohttp.web.Request`; everything runs in aiohttp's event loop."""

    name = "aiohttp"
    websocket_compression = False
    """Whether websockets are compressed where the client offers it (permessage-deflate)."""

    def __init__(self) -> None:
        self._watch = PollWatch()
        self._websocket_response: type[web.WebSocketResponse] = (
            DirectWebSocketResponse if direct_parsing_works() else web.WebSocketResponse
        )

    def create_runtime(self) -> AsyncioRuntime:
        """Return the asyncio runtime."""
        return AsyncioRuntime()

    async def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: AsyncEngine, request: web.Request
    ) -> web.StreamResponse:
        """Serve one request.

        Args:
            engine: The engine that is to serve it.
            request: aiohttp's request.

        Returns:
            The answer to give to aiohttp.
        """
        translated = AiohttpRequest(request, self._watch)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            try:
                return _response(engine, await engine.handle_http(translated))
            except ConnectionResetError as error:
                engine.logger.debug("no answer: %s", error)
                return web.Response(status=400)
        websocket = self._websocket_response(
            timeout=engine.config.close_timeout,
            compress=self.websocket_compression,
            # The limit itself is allowed, and aiohttp refuses messages that reach its limit.
            max_msg_size=engine.config.max_http_buffer_size + 1,
        )
        if not _can_prepare(websocket, request):
            return web.Response(status=400, text="This is no valid websocket request")
        try:
            await engine.handle_websocket(translated, AiohttpWebSocket(engine, request, websocket))
        except Refused as refused:
            return _response(engine, refused.response)
        if not websocket.prepared:  # the client went before it was accepted
            return web.Response(status=400)
        return websocket


def _can_prepare(websocket: web.WebSocketResponse, request: web.Request) -> bool:
    try:
        return websocket.can_prepare(request).ok
    except ValueError:  # aiohttp expects every Sec-WebSocket-Key to be ASCII
        return False


def _response(engine: AsyncEngine, response: Response) -> web.Response:
    cors, headers = split_cors(response.headers)
    answer = (
        CrossOriginResponse(
            engine, cors, status=response.status, body=response.body, headers=headers
        )
        if cors
        else web.Response(status=response.status, body=response.body, headers=headers)
    )
    if response.ends_connection:
        answer.force_close()  # or aiohttp would read on what nobody wants
    return answer


class AiohttpAttachment(Attachment):
    """Adds the endpoint's route to an `aiohttp.web.Application`."""

    mode = "aiohttp"

    def attach(  # type: ignore[override]  # the options are this framework's own
        self,
        server: Any,
        app: web.Application,
        socketio_path: str,
        *,
        websocket_compression: bool = False,
    ) -> web.Application:
        """Add the endpoint to an application that does not run yet, or to a sub-application.

        The server starts with the application, and is shut down with it, so that no poll holds
        it up.

        Args:
            server: The server.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            websocket_compression: Whether websockets are compressed where the client offers it.
                Off by default: it costs more time than it saves on all but slow networks.

        Returns:
            The application itself.
        """
        engine: AsyncEngine = getattr(server, "eio", server)
        mode = engine.mode
        assert isinstance(mode, AiohttpMode)
        mode.websocket_compression = websocket_compression

        async def serve(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse = await server.handle_request(request)
            return response

        async def start(_: web.Application) -> None:
            await server.start()

        async def shut_down(_: web.Application) -> None:
            await server.shutdown()

        path = f"/{socketio_path}" if socketio_path else ""
        app.router.add_route("*", f"{path}/", serve)
        if path:
            app.router.add_route("*", path, serve)
        app.on_startup.append(start)
        app.on_shutdown.append(shut_down)
        return app
