"""The async mode `asgi`: an engine behind an ASGI server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core.logs import escaped
from ..abc.mode import AsyncMode
from ..engine.cors import check_layer
from ..engine.http import BAD_REQUEST, NO_WEBSOCKET, HTTPError, Response
from ..protocol.websocket import PROTOCOL_ERROR, WebSocketError, handshake_key
from ..runtimes.asyncio.runtime import AsyncioRuntime
from ..web.asgi import ASGIRequest, Receive, Scope, Send, send_response
from ..web.uvicorn_websocket import create_asgi_websocket

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine


class ASGIMode(AsyncMode):
    """Requests come as `(scope, receive, send)`; everything runs in the server's event loop."""

    name = "asgi"

    def create_runtime(self) -> AsyncioRuntime:
        """Return the asyncio runtime."""
        return AsyncioRuntime()

    async def handle_request(  # type: ignore[override]  # the arguments are the mode's own
        self, engine: AsyncEngine, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one `http` or `websocket` scope."""
        request = ASGIRequest(scope, receive, send)
        if scope["type"] == "websocket":
            websocket = create_asgi_websocket(engine, scope, receive, send)
            await engine.handle_websocket(request, websocket)
            return
        if (request.header("upgrade") or "").lower() == "websocket":
            await _answer(engine, send, _no_websocket(engine, request).response())
            return
        if not engine.cors_checked:
            check_layer(engine, request.header("origin"), send)
        try:
            response = await engine.handle_http(request)
        except ConnectionResetError as error:
            engine.logger.debug("no answer: %s", escaped(error))
            return
        if response.ends_connection and scope.get("http_version", "1.1").startswith("1"):
            response.headers.append(("Connection", "close"))
        await _answer(engine, send, response)


async def _answer(engine: AsyncEngine, send: Send, response: Response) -> None:
    """Give an answer to the server, which may have closed the connection meanwhile.

    uvicorn does so when the client sends something that is no request behind its request, and
    uvloop then raises a RuntimeError: of both, the client decides when.
    """
    try:
        await send_response(send, response)
    except (OSError, RuntimeError) as error:
        engine.logger.debug("no answer: %r", error)


def _no_websocket(engine: AsyncEngine, request: ASGIRequest) -> HTTPError:
    """Return the refusal of a websocket that comes as a plain request.

    Servers that can serve one give it a scope of its own, unless the client has asked wrongly.
    """
    try:
        if request.method != "GET":
            raise WebSocketError(PROTOCOL_ERROR, f"a {request.method} request")
        handshake_key(request.header)
    except WebSocketError as error:
        return HTTPError(BAD_REQUEST, f"Invalid websocket upgrade: {error}")
    engine.warn_no_websocket("give the web server its websocket support")
    return NO_WEBSOCKET
