"""ASGI in neutral terms: uvicorn, hypercorn, daphne, granian and whatever speaks it.

It makes the engine's neutral requests and websockets of `(scope, receive, send)`, and sends its
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from ..abc.http import add_headers
from ..abc.transport import Receiver, WebSocket
from ..engine.http import SUBPROTOCOL, BodyTooLarge, Headers, Request, Response
from ..protocol.engine import EnginePacket
from ..runtimes.asyncio.tasks import create_task
from .asgi_connection import TwistedFlow, bound_pongs, find_abort, find_flow, find_unsent
from .reading_turns import ReadingTurns

if TYPE_CHECKING:
    from .._async.engine import AsyncEngine

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class ASGIRequest(Request):
    """An `http` or `websocket` scope."""

    __slots__ = ("_headers", "_receive", "_send", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope.get("method", "GET"), scope["query_string"].decode("latin-1"))
        self.scope = scope
        self._receive = receive
        self._send = send
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """All headers by lower-case name, repeated ones joined."""
        if self._headers is None:
            headers: dict[str, str] = {}
            for raw_name, raw_value in self.scope["headers"]:
                name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
                if name in headers:
                    value = headers[name] + ("; " if name == "cookie" else ",") + value
                headers[name] = value
            if offered := self.scope.get("subprotocols"):
                # Some servers (wsproto under uvicorn) leave the header out.
                headers.setdefault(SUBPROTOCOL.lower(), ", ".join(offered))
            self._headers = headers
        return self._headers

    def header(self, name: str) -> str | None:
        """Return the value of a header (name in lower case), or None."""
        return self.headers.get(name)

    def head_size(self) -> int:
        """Return about how many bytes its headers and its query have."""
        headers = self.scope["headers"]
        return len(self.query_string) + sum(len(name) + len(value) for name, value in headers)

    def build_environ(self) -> dict[str, Any]:
        """Return the WSGI-like description of the scope."""
        scope = self.scope
        root_path = scope.get("root_path", "")
        path = application_path(scope)
        client = scope.get("client") or ("", 0)
        server = scope.get("server") or ("", None)
        scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "http"))
        raw_path = scope.get("raw_path") or scope["path"].encode()
        environ: dict[str, Any] = {
            "wsgi.input": None,
            "wsgi.errors": None,
            "wsgi.version": (1, 0),
            "wsgi.run_once": False,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.async": True,
            "wsgi.url_scheme": scheme or scope.get("scheme", "http"),
            "SERVER_SOFTWARE": "asgi",
            "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
            "SERVER_NAME": str(server[0]),
            "SERVER_PORT": str(server[1] if server[1] is not None else ""),
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": root_path,
            "PATH_INFO": path,
            "QUERY_STRING": self.query_string,
            "RAW_URI": raw_path.decode("latin-1")
            + (f"?{self.query_string}" if self.query_string else ""),
            "REMOTE_ADDR": str(client[0]),
            "REMOTE_PORT": str(client[1]),
            "asgi.scope": scope,
            "asgi.receive": self._receive,
            "asgi.send": self._send,
        }
        add_headers(environ, self.headers.items())
        return environ

    async def read_body(self, max_bytes: int) -> bytes:
        """Read the body to its end; see `Request.read_body`."""
        self.content_length(max_bytes)
        chunks = []
        size = 0
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise ConnectionResetError("the client went away before its request was complete")
            chunk = event.get("body", b"")
            size += len(chunk)
            if size > max_bytes:
                raise BodyTooLarge(f"a body of more than {max_bytes} bytes")
            chunks.append(chunk)
            if not event.get("more_body", False):
                return b"".join(chunks)

    def watch_disconnect(self, gone: Callable[[], None]) -> Callable[[], None]:
        """Call a function when the client goes; see `Request.watch_disconnect`."""
        task = create_task(self._wait_for_disconnect(gone))

        def stop() -> None:
            task.cancel()

        return stop

    async def _wait_for_disconnect(self, gone: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        gone()


class ASGIWebSocket(WebSocket):
    """A websocket of an ASGI server."""

    __slots__ = (
        "_accepted",
        "_closed",
        "_direct",
        "_engine",
        "_extensions",
        "_flow",
        "_http2",
        "_receive",
        "_send",
        "_sending",
        "_serving",
        "_turns",
    )

    def __init__(self, engine: AsyncEngine, scope: Scope, receive: Receive, send: Send) -> None:
        self._engine = engine
        self._receive = receive
        self._send = send
        self._extensions = scope.get("extensions") or {}
        self._accepted = False
        self._closed = False
        self._http2 = scope.get("http_version", "1.1").startswith("2")
        self._flow: TwistedFlow | None = None
        self._sending: asyncio.Task[Any] | None = None
        self._serving: asyncio.Task[Any] | None = None
        self._turns = ReadingTurns()
        # uvicorn's `send` only waits for its buffer to drain, whichever task does that.
        self._direct = type(getattr(send, "__self__", None)).__module__.startswith("uvicorn.")

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        await self._receive()  # websocket.connect
        self._accepted = True
        event: Event = {"type": "websocket.accept"}
        others = [header for header in headers if header[0] != SUBPROTOCOL]
        if len(others) < len(headers):
            event["subprotocol"] = dict(headers)[SUBPROTOCOL]
        if others:
            event["headers"] = encode_headers(others)
        await self._send(event)
        self._flow = find_flow(self._send)
        bound_pongs(self._send)

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake, with the answer where the server can send one."""
        if self._accepted:
            await self.close(1008)
            return
        await self._receive()  # websocket.connect
        self._closed = True
        if "websocket.http.response" in self._extensions:
            await self._send(
                {
                    "type": "websocket.http.response.start",
                    "status": response.status,
                    "headers": encode_headers(response.headers),
                }
            )
            await self._send({"type": "websocket.http.response.body", "body": response.body})
        else:
            reason = response.body.decode()[:100]
            await self._send({"type": "websocket.close", "code": 1008, "reason": reason})

    def write(self, packet: EnginePacket) -> Any:
        """Send one message; see `WebSocket.write`."""
        if self._closed:
            raise ConnectionResetError("the websocket is closed")
        data = packet.websocket
        event: Event = {
            "type": "websocket.send",
            "text" if isinstance(data, str) else "bytes": data,
        }
        if not self._direct:
            self._sending = self._engine.runtime.start(self._send_event, event, data)
            return self._sending
        try:
            return self._engine.runtime.step(self._send(event))
        except Exception as error:  # uvicorn has several for a client that is gone
            self._closed = True
            raise ConnectionResetError(f"cannot send: {error!r}") from error

    async def _send_event(self, event: Event, message: str | bytes | None = None) -> None:
        flow = self._flow
        try:
            if flow is None or message is None or not flow.send_here(message):
                await self._send(event)
            if flow is not None:
                await flow.wait()
        except Exception as error:  # each server has its own for a client that is gone
            self._closed = True
            self._engine.logger.debug("cannot send: %r", error)
            # One that is still there would wait for ever for what the server has refused.
            self._sending = None
            self.abort()

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        receive = self._receive
        turns = self._turns
        task = self._serving = asyncio.current_task()
        assert task is not None  # ASGI servers call applications in tasks
        try:
            while True:
                if turns.are_over():
                    await turns.wait()
                event = await receive()
                turns.received()
                if event["type"] == "websocket.receive":
                    text = event.get("text")
                    transport.receive(text if text is not None else event["bytes"])
                elif event["type"] == "websocket.disconnect":
                    self._closed = True
                    return
        except asyncio.CancelledError:
            if self._serving is not None:
                raise
            # By `abort`, which leaves a connection that is out of reach to the server.
            task.uncancel()
        finally:
            self._serving = None

    def was_behind(self) -> bool:
        """Tell whether the reader had to wait for others' turns."""
        return self._turns.were_over()

    def pause_reading(self) -> None:
        """Call `receive` no more for now: the server makes the client wait."""
        self._turns.pause()
        if self._flow is not None:
            self._flow.pause_reading()

    def resume_reading(self) -> None:
        """Go on calling `receive`."""
        self._turns.resume()
        if self._flow is not None:
            self._flow.resume_reading()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the websocket; harmless when it is closed."""
        if not self._closed:
            self._closed = True
            await self._send_event({"type": "websocket.close", "code": code, "reason": reason})

    def unsent(self) -> int:
        """Return how many bytes wait for the connection; see `WebSocket.unsent`."""
        size = find_unsent(self._send)
        return 0 if size is None else size()

    def abort(self) -> bool:
        """Cut the connection, or leave it to the server; see `WebSocket.abort`."""
        self._closed = True
        abort = None if self._http2 else find_abort(self._send)
        if self._sending is not None:
            self._sending.cancel()  # and free what it sends
        if abort is not None:
            abort()
            return True
        if self._serving is None:
            return False
        # Of a client that reads nothing the server would never tell that it is gone. When the
        # application returns, the server has nothing to keep the connection for.
        serving, self._serving = self._serving, None
        serving.cancel()
        return True


def application_path(scope: Scope) -> str:
    """Return the path below the mount point; servers differ in whether it is in the scope's."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :] or "/"
    return path


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def send_response(send: Send, response: Response) -> None:
    """Send a whole HTTP answer."""
    headers = response.headers
    if response.status != 304 and not any(name == "Content-Length" for name, _ in headers):
        headers = [*headers, ("Content-Length", str(len(response.body)))]
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": encode_headers(headers),
        }
    )
    await send({"type": "http.response.body", "body": response.body})
