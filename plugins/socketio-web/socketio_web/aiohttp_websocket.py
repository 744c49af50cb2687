"""Websockets of the mode `aiohttp`: its opening handshake, then frames of our own.

aiohttp answers the handshake, with the headers and signals of its application. Where no
compression was agreed on, the connection is then taken from it, and it is told of the end alone.
Which bytes have come already is no public interface: where a release keeps them elsewhere, and
for compressed websockets, messages go through aiohttp's own methods, which is slower.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from socketio.abc import Headers, Receiver, Response, WebSocket
from socketio.exceptions import ProtocolError
from socketio.web import (
    NORMAL,
    POLICY_VIOLATION,
    EnginePacket,
    ReadingTurns,
    TransportWebSocket,
)

if TYPE_CHECKING:
    from socketio.web import AsyncEngine

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
EARLY = "_message_tail"
"""Where aiohttp keeps what came behind an opening request."""


def connection_can_be_taken() -> bool:
    """Tell whether this release of aiohttp is made as expected here."""
    return EARLY in getattr(RequestHandler, "__slots__", ())


class Refused(Exception):
    """A websocket that was refused before it was accepted.

    Args:
        response: The answer.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class UpgradedResponse(web.WebSocketResponse):
    """The answer to an opening handshake; aiohttp writes nothing behind it once it is taken."""

    taken = False
    """Whether the connection is not aiohttp's any more."""

    async def write_eof(self) -> None:  # type: ignore[override]  # as in aiohttp
        """End the answer."""
        if not self.taken:
            await super().write_eof()


class TakenWebSocket(TransportWebSocket):
    """A websocket on a connection that is taken from aiohttp.

    Args:
        engine: The engine that it is for.
        request: The opening request.
        response: Its answer, which is not prepared yet.
    """

    __slots__ = ("_request", "_response")

    def __init__(
        self, engine: AsyncEngine, request: web.Request, response: UpgradedResponse
    ) -> None:
        super().__init__(engine, request.transport)
        self._request = request
        self._response = response

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake.

        Raises:
            ConnectionError: The client has gone.
        """
        if self._request.transport is None:
            raise ConnectionResetError("the client has gone")
        server: Any = self._request.protocol
        self._response.headers.extend(headers)
        # Before the answer is written, which may take a turn of the loop: aiohttp's own parser
        # would keep half a frame of what comes meanwhile.
        early = getattr(server, EARLY)
        setattr(server, EARLY, b"")
        self.take_transport(early)
        try:
            await self._response.prepare(self._request)
        except BaseException:
            self._transport.set_protocol(server)
            raise
        self._response.taken = True
        self.connection.accept()

    async def refuse(self, response: Response) -> None:  # type: ignore[override]  # narrower
        """Refuse the opening handshake; the mode gives the answer to aiohttp."""
        if not self._response.prepared:
            raise Refused(response)
        await super().refuse(response)


class AiohttpWebSocket(WebSocket):
    """A websocket that aiohttp itself reads and writes.

    Args:
        engine: The engine that it is for.
        request: The opening request.
        response: Its answer, which is not prepared yet.
    """

    __slots__ = ("_closed", "_closing", "_engine", "_request", "_response", "_turns")

    def __init__(
        self, engine: AsyncEngine, request: web.Request, response: UpgradedResponse
    ) -> None:
        self._engine = engine
        self._request = request
        self._response = response
        self._closed = False
        self._closing: asyncio.Future[None] | None = None
        self._turns = ReadingTurns()

    async def accept(self, headers: Headers) -> None:
        """Complete the opening handshake.

        Raises:
            ConnectionError: The client has gone.
        """
        self._response.headers.extend(headers)
        await self._response.prepare(self._request)

    async def refuse(self, response: Response) -> None:
        """Refuse the opening handshake."""
        if not self._response.prepared:
            raise Refused(response)
        await self.close(POLICY_VIOLATION)

    def write(self, packet: EnginePacket) -> Any:
        """Send one message; see `WebSocket.write`."""
        if self._closed:
            raise ConnectionResetError("the websocket is closed")
        return self._engine.runtime.start(self._send, packet.websocket)

    async def _send(self, data: str | bytes) -> None:
        try:
            if isinstance(data, str):
                await self._response.send_str(data)
            else:
                await self._response.send_bytes(data)
        except (OSError, RuntimeError) as error:
            self._closed = True
            self._engine.logger.debug("cannot send: %r", error)

    async def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        turns = self._turns
        while not self._closed:
            if turns.are_over():
                await turns.wait()
            try:
                message = await self._response.receive()
            except ConnectionError as lost:  # aiohttp answers a ping of a client that has gone
                self._engine.logger.debug("cannot receive: %r", lost)
                self._closed = True
                break
            turns.received()
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

    def was_behind(self) -> bool:
        """Tell whether the reader had to wait for others' turns."""
        return self._turns.were_over()

    def pause_reading(self) -> None:
        """Take no more messages; aiohttp stops reading when it has some."""
        self._turns.pause()

    def resume_reading(self) -> None:
        """Go on taking messages."""
        self._turns.resume()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the websocket; harmless when it is closed."""
        if self._closed:
            return
        self._closed = True
        closing = self._closing = asyncio.get_running_loop().create_future()
        try:
            await self._response.close(code=code, message=reason.encode()[:123])
        finally:
            closing.set_result(None)

    def unsent(self) -> int:
        """Return how many bytes wait for the connection; see `WebSocket.unsent`."""
        transport = self._request.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self._closed = True
        transport = self._request.transport
        if transport is not None:
            transport.abort()
        return True
