"""The async mode `sanic`, and how a server becomes part of a Sanic application.

It works under Sanic's own server and under ASGI servers.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from sanic import Request as SanicsRequest
from sanic import Sanic
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse

from socketio.abc import AsyncMode, Attachment, BodyTooLarge, Headers, Request, Response
from socketio.exceptions import ProtocolError
from socketio.runtimes import HANDLER_TASK, AsyncioRuntime
from socketio.web import (
    BAD_REQUEST,
    ASGIRequest,
    HTTPError,
    TransportWebSocket,
    WebSocketError,
    WebSocketState,
    close_when_stopped,
    create_asgi_websocket,
)

from .cors import ALLOW_ORIGIN, split_cors, warn_of_two_answers
from .environ import address, build_environ

if TYPE_CHECKING:
    from socketio.web import AsyncEngine

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

LAST = 1
"""The priority of what Sanic calls last when it stops: it goes through its listeners backwards."""


class SanicRequest(Request):
    """A request of a Sanic application."""

    __slots__ = ("request",)

    def __init__(self, request: SanicsRequest) -> None:
        super().__init__(request.method, request.query_string)
        self.request = request

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        values: list[str] = self.request.headers.getall(name, [])
        return ",".join(values) if values else None

    def head_size(self) -> int:
        """Return about how many bytes its headers and its query have."""
        headers = self.request.headers.items()
        return len(self.query_string) + sum(len(name) + len(value) for name, value in headers)

    def build_environ(self) -> dict[str, Any]:
        """Return the WSGI-like description of the request."""
        request = self.request
        transport = request.transport
        server = address(transport.get_extra_info("sockname")) if transport else ("", "")
        scheme = request.scheme
        environ = build_environ(
            method=self.method,
            path=request.path,
            raw_uri=request.raw_url.decode("latin-1"),
            query_string=self.query_string,
            headers=request.headers.items(),
            # With PROXIES_COUNT or FORWARDED_SECRET this is the address that a proxy tells.
            remote=(request.remote_addr or request.ip, str(request.port or "")),
            server=server,
            scheme={"ws": "http", "wss": "https"}.get(scheme, scheme),
            http_version=request.version,
            software="sanic",
        )
        environ["sanic.request"] = request
        return environ

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the body to its end, whatever REQUEST_MAX_SIZE is."""
        self.content_length(max_bytes)
        chunks: list[bytes] = []
        size = 0
        try:
            stream: Any = self.request.stream
            async for chunk in stream:
                size += len(chunk)
                if size > max_bytes:
                    raise BodyTooLarge(f"a body of more than {max_bytes} bytes")
                chunks.append(chunk)
        except SanicException as error:
            raise ProtocolError(f"the body of a request is broken: {error}") from error
        return b"".join(chunks)


class SanicMode(AsyncMode):
    """Requests come as `sanic.Request`; everything runs in Sanic's event loop."""

    name = "sanic"

    def __init__(self) -> None:
        self._watches = False

    def create_runtime(self) -> AsyncioRuntime:
        """Return the asyncio runtime."""
        return AsyncioRuntime()

    async def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: AsyncEngine, request: SanicsRequest
    ) -> HTTPResponse | None:
        """Serve one request.

        Args:
            engine: The engine that is to serve it.
            request: Sanic's request.

        Returns:
            The answer to give to Sanic; None after a websocket.
        """
        translated = SanicRequest(request)
        transport: Any = request.transport
        scope = getattr(transport, "scope", None)
        if scope is not None and not self._watches:
            # An ASGI server runs the application; it tells of its end when the last poll is over.
            self._watches = True
            close_when_stopped(engine)
        if (translated.header("upgrade") or "").lower() != "websocket":
            try:
                response = await engine.handle_http(translated)
                if response.ends_connection and scope is None:
                    _read_no_more(request)
                return _response(engine, response)
            except ConnectionResetError as error:
                engine.logger.debug("no answer: %r", error)
                return HTTPResponse(status=400)
        if scope is not None:
            # The server's own `send` says more than Sanic's method around it.
            send = getattr(transport, "_send", transport.send)
            websocket = create_asgi_websocket(engine, scope, transport.receive, send)
            asgi_request = _SanicASGIRequest(scope, transport.receive, send)
            asgi_request.request = request
            await engine.handle_websocket(asgi_request, websocket)
            return None
        stream: Any = request.stream
        try:
            upgraded = _SanicWebSocket(engine, transport, bytes(stream.recv_buffer), translated)
        except WebSocketError as error:
            refusal = HTTPError(BAD_REQUEST, f"Invalid websocket upgrade: {error}").response()
            return _response(engine, refusal)
        await engine.handle_websocket(translated, upgraded)
        return None if upgraded.refusal is None else _response(engine, upgraded.refusal)


class _SanicASGIRequest(ASGIRequest):
    request: SanicsRequest

    def build_environ(self) -> dict[str, Any]:
        return {**super().build_environ(), "sanic.request": self.request}


class _SanicWebSocket(TransportWebSocket):
    """A websocket on the transport of Sanic's own server."""

    refusal: Response | None = None

    async def refuse(self, response: Response) -> None:  # type: ignore[override]  # narrower
        """Refuse the opening handshake; the mode gives the answer to Sanic."""
        if self.connection.state is WebSocketState.OPENING:
            self.refusal = response
        else:
            await super().refuse(response)


def _read_no_more(request: SanicsRequest) -> None:
    """Keep Sanic's server from waiting for the rest of a body that was refused."""
    stream: Any = request.stream
    stream.request_body = None
    stream.keep_alive = False


class _CrossOriginResponse(HTTPResponse):
    """An answer that gets its CORS headers when all middlewares have seen it."""

    engine: AsyncEngine
    cors: Headers

    @property
    def processed_headers(self) -> Any:
        """The headers to send, with the CORS headers of whoever writes them."""
        cors, self.cors = self.cors, []
        if cors and ALLOW_ORIGIN in self.headers:
            warn_of_two_answers(self.engine, "a response middleware of the Sanic application")
        else:
            self.headers.extend(cors)
        return super().processed_headers


def _response(engine: AsyncEngine, response: Response) -> HTTPResponse:
    cors, headers = split_cors(response.headers)
    answer = HTTPResponse(response.body, status=response.status)
    if cors:
        answer = _CrossOriginResponse(response.body, status=response.status)
        answer.engine, answer.cors = engine, cors
    for name, value in headers:
        if name.lower() == "content-type":
            answer.content_type = value
        else:
            answer.headers.add(name, value)
    return answer


class SanicAttachment(Attachment):
    """Adds the endpoint's route to a Sanic application."""

    mode = "sanic"

    def attach(self, server: Any, app: Sanic[Any, Any], socketio_path: str, **options: Any) -> Any:
        """Add the endpoint to an application that does not run yet.

        The server starts with the application, and is shut down with it, so that no poll holds
        it up.

        Args:
            server: The server.
            app: The application.
            socketio_path: The path of the endpoint, without slashes at its ends.
            **options: Further arguments of `Sanic.add_route`.

        Returns:
            The application itself.
        """

        async def serve(request: SanicsRequest) -> HTTPResponse | None:
            answer: HTTPResponse | None = await server.handle_request(request)
            return answer

        # Lets a handler return nothing after it has served a websocket.
        serve.is_websocket = True  # type: ignore[attr-defined]  # Sanic looks for it
        app.add_route(
            serve,
            f"/{socketio_path}/" if socketio_path else "/",
            methods=METHODS,
            name="socketio_" + re.sub(r"\W", "_", socketio_path),
            stream=True,
            **options,
        )

        async def start(_: Any) -> None:
            await server.start()

        async def shut_down(_: Any) -> None:
            await server.shutdown()

        async def check_cors(_: Any) -> None:
            if app.config.get("CORS_ORIGINS") and app.config.get("CORS", True):
                warn_of_two_answers(server, "Sanic Extensions, with CORS_ORIGINS,")

        async def end_tasks(_: Any) -> None:
            # Sanic closes its loop without a word to the tasks in it, unlike `asyncio.run`.
            tasks = [task for task in asyncio.all_tasks() if task.get_name() == HANDLER_TASK]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        app.before_server_start(check_cors)
        app.before_server_start(start)
        # After the application's own ones, so that the clients hear what these emit.
        app.before_server_stop(shut_down, priority=LAST)
        app.after_server_stop(end_tasks)
        return app
