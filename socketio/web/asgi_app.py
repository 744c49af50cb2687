"""`ASGIApp`: a Socket.IO server as an ASGI application, before another one or by itself.

It deals with paths, static files and the lifespan of the application, and leaves the protocol to
the server.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..engine.base import engine_behind
from ..engine.http import Response
from .asgi import (
    ASGIRequest,
    Receive,
    Scope,
    Send,
    application_path,
    encode_headers,
    send_response,
)
from .file_response import FileResponse
from .loop_stop import close_when_stopped
from .static_files import StaticFiles

Hook = Callable[[], Any] | None


class ASGIApp:
    """An ASGI application that serves a Socket.IO server and passes on what is not for it.

    Args:
        socketio_server: An `AsyncServer` or an `AsyncEngine`.
        other_asgi_app: Gets every request that is not for the server nor a static file.
        static_files: URLs and the files or directories behind them.
        socketio_path: The path of the endpoint below the mount point; None takes every request.
        on_startup: Called when the application starts; a function or coroutine function.
        on_shutdown: Called when it stops, after the server's clients have been closed.

    Raises:
        TypeError: The server is none for asyncio, or `static_files` is no such mapping.
    """

    def __init__(
        self,
        socketio_server: Any,
        other_asgi_app: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None,
        static_files: Mapping[str, Any] | None = None,
        socketio_path: str | None = "socket.io",
        on_startup: Hook = None,
        on_shutdown: Hook = None,
    ) -> None:
        engine = engine_behind(socketio_server, "async")
        self.engineio_server = socketio_server
        self.other_asgi_app = other_asgi_app
        self.static_files = static_files or {}
        self.on_startup = on_startup
        self.on_shutdown = on_shutdown
        if socketio_path is None:
            self.engineio_path: str | None = None
        else:
            path = socketio_path.strip("/")
            self.engineio_path = f"/{path}/" if path else "/"
        self._watches = False
        self._end_watch: Callable[[], None] = lambda: None
        self._files = StaticFiles(self.static_files)
        engine.use_mode("asgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.lifespan(scope, receive, send)
        elif self._is_ours(scope):
            if not self._watches:
                self._watch_server()
            await self.engineio_server.handle_request(scope, receive, send)
        elif kind == "http" and await self.serve_static_file(scope, receive, send):
            return
        elif self.other_asgi_app is not None:
            await self.other_asgi_app(scope, receive, send)
        else:
            await self.not_found(receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] not in ("http", "websocket"):
            return False
        if self.engineio_path is None:
            return True
        path = scope["path"] + "/"
        if path.startswith(self.engineio_path):
            return True
        # Below a mount point some servers leave its path in front, others take it away; uvicorn
        # adds it once more where the proxy has not taken it away.
        root = scope.get("root_path", "").rstrip("/")
        return bool(root) and path.startswith(
            (root + self.engineio_path, root + root + self.engineio_path)
        )

    async def serve_static_file(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer with a static file, if one is behind the path.

        Returns:
            Whether there was one.
        """
        if not self.static_files:
            return False
        request = ASGIRequest(scope, receive, send)
        response = await asyncio.to_thread(
            self._files.respond, application_path(scope), request.method, request.header
        )
        if response is None:
            return False
        if isinstance(response, FileResponse):
            await _send_file(send, response)
        else:
            await send_response(send, response)
        return True

    async def not_found(self, receive: Receive, send: Send) -> None:
        """Answer what nobody serves."""
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.close", "code": 1000})
        else:
            headers = [("Content-Type", "text/plain")]
            await send_response(send, Response(404, headers, b"Not Found"))

    # -- lifespan -------------------------------------------------------------------------

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the hooks, and the lifespan of the application behind, if it has one."""
        if self.other_asgi_app is None:
            await self._own_lifespan(receive, send)
            return
        events = _LifespanEvents(self, receive, send)
        try:
            await self.other_asgi_app(scope, events.receive, events.send)
        except Exception:
            if events.received is not None:
                raise
            # The application knows no lifespan, which it says by raising at once.
        await events.finish()

    async def _own_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                await self._run("startup", send, self._start)
            elif event["type"] == "lifespan.shutdown":
                await self._run("shutdown", send, self._stop)
                return

    async def _run(self, phase: str, send: Send, function: Callable[[], Any]) -> None:
        try:
            await function()
        except Exception as error:
            logger = self.engineio_server.logger
            logger.exception("%s hook failed", phase)
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            raise  # no further event will come; test clients raise it to their test
        await send({"type": f"lifespan.{phase}.complete"})

    def _watch_server(self) -> None:
        """Notice that the web server stops; not all of them tell it by the lifespan in time.

        Done with the first request: before that not every server can be told from another.
        """
        self._watches = True
        engine = getattr(self.engineio_server, "eio", self.engineio_server)
        self._end_watch = close_when_stopped(engine)

    async def _start(self) -> None:
        await self.engineio_server.start()
        if self.on_startup is not None:
            await _call(self.on_startup)

    async def _stop(self) -> None:
        self._end_watch()
        self._watches = False
        await self.engineio_server.shutdown()
        if self.on_shutdown is not None:
            await _call(self.on_shutdown)


class _LifespanEvents:
    """Passes lifespan events to the application behind, with our own part around them."""

    def __init__(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        self._app = app
        self._receive = receive
        self._send = send
        self.received: str | None = None
        self.started = False
        self.ended = False

    async def receive(self) -> Any:
        event = await self._receive()
        self.received = event["type"]
        if self.received == "lifespan.startup":
            try:
                await self._app._start()
            except Exception as error:
                self.started = True
                await self._send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
        elif self.received == "lifespan.shutdown":
            await self._app._stop()
        return event

    async def send(self, event: Any) -> None:
        if event["type"].startswith("lifespan.startup"):
            if self.started:
                return  # our own part has failed and said so; now the application does
            self.started = True
        elif event["type"].startswith("lifespan.shutdown"):
            self.ended = True
        await self._send(event)

    async def finish(self) -> None:
        """Answer for an application that knows no lifespan."""
        if self.received is None:
            await self.receive()
        if self.received == "lifespan.startup" and not self.started:
            await self._send({"type": "lifespan.startup.complete"})
            self.started = True
            while self.received != "lifespan.shutdown":
                await self.receive()
        if self.received == "lifespan.shutdown" and not self.ended:
            await self._send({"type": "lifespan.shutdown.complete"})


async def _call(function: Callable[[], Any]) -> None:
    result = function()
    if inspect.isawaitable(result):
        await result


async def _send_file(send: Send, response: FileResponse) -> None:
    """Send a file part by part; the server's `send` waits for clients that are slower."""
    try:
        headers = encode_headers(response.headers)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        while part := await asyncio.to_thread(response.read):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        response.close()
