"""The async mode `aiohttp`, and how a server becomes part of an aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from socketio.abc import AsyncMode, Attachment, BodyTooLarge, Request, Response
from socketio.exceptions import ProtocolError
from socketio.runtimes import AsyncioRuntime

from .aiohttp_cors_headers import CrossOriginResponse
from .aiohttp_websocket import (
    AiohttpWebSocket,
    Refused,
    TakenWebSocket,
    UpgradedResponse,
    connection_can_be_taken,
)
from .cors import split_cors
from .environ import address, build_environ

if TYPE_CHECKING:
    from socketio.web import AsyncEngine

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
        values = self._headers.getall(name, None)
        return None if values is None else ",".join(values)

    def head_size(self) -> int:
        """Return about how many bytes its headers and its query have."""
        headers = self.request.raw_headers
        return len(self.query_string) + sum(len(name) + len(value) for name, value in headers)

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
        self.content_length(max_bytes)
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


class AiohttpMode(AsyncMode):
    """Requests come as `aiohttp.web.Request`; everything runs in aiohttp's event loop."""

    name = "aiohttp"
    websocket_compression = False
    """Whether websockets are compressed where the client offers it (permessage-deflate)."""

    def __init__(self) -> None:
        self._watch = PollWatch()
        self._takes_connections = connection_can_be_taken()

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
                engine.logger.debug("no answer: %r", error)
                return web.Response(status=400)
        websocket = UpgradedResponse(
            timeout=engine.config.close_timeout,
            compress=self.websocket_compression,
            # The limit itself is allowed, and aiohttp refuses messages that reach its limit.
            max_msg_size=engine.config.max_http_buffer_size + 1,
            # It complains of offered subprotocols of which it knows none, and writes this one.
            protocols=[chosen for _, chosen in engine.websocket_headers(translated)],
        )
        if not _can_prepare(websocket, request):
            return web.Response(status=400, text="This is no valid websocket request")
        takes = self._takes_connections and not self.websocket_compression
        adapter = TakenWebSocket if takes else AiohttpWebSocket
        try:
            await engine.handle_websocket(translated, adapter(engine, request, websocket))
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
            if not app.on_shutdown.frozen:  # a sub-application's is
                # The last one, so that the clients hear what the application's own ones emit.
                app.on_shutdown.remove(shut_down)
                app.on_shutdown.append(shut_down)
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
