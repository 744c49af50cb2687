"""Websocket messages handed over as aiohttp parses them, instead of through a queue.

Called by the mode `aiohttp`; it knows what aiohttp does between a read and a message, which is
no public interface. `direct_parsing_works` therefore looks first whether this release is made as
expected, and where it is not the mode uses the public interface, which is slower.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import WSMsgType, web
from aiohttp.web_protocol import RequestHandler

try:
    from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
except ImportError:  # another release: `direct_parsing_works` says so, and nothing here is used
    WebSocketDataQueue = WebSocketReader = object  # type: ignore[assignment]  # a base that exists
    _FOUND = False
else:
    _FOUND = True

if TYPE_CHECKING:
    from socketio.abc.transport import Receiver

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
QUEUE_LIMIT = 2**16
"""Bytes that wait before aiohttp stops reading, as in aiohttp itself."""


def direct_parsing_works() -> bool:
    """Tell whether aiohttp is made as the classes of this module expect it."""
    post_start = getattr(web.WebSocketResponse, "_post_start", None)
    if (
        not _FOUND
        or post_start is None
        or [*inspect.signature(post_start).parameters] != ["self", "request", "protocol", "writer"]
        or not {"_message_tail", "_payload_parser"} <= {*RequestHandler.__slots__}
    ):
        return False
    loop = asyncio.new_event_loop()
    try:
        queue = DirectQueue(_NoProtocol(), QUEUE_LIMIT, loop=loop)  # type: ignore[arg-type]  # not used
        WebSocketReader(queue, 100, compress=False, decode_text=True)
    except (TypeError, AttributeError):
        return False
    finally:
        loop.close()
    return hasattr(queue, "_buffer")


class _NoProtocol:
    _reading_paused = False


class Corked(Protocol):
    """What keeps the answers to one read together."""

    def cork(self) -> None:
        """Keep what is written until `uncork`."""

    def uncork(self) -> None:
        """Write what was kept."""


class DirectQueue(WebSocketDataQueue):
    """Hands messages over as they are parsed.

    aiohttp's own queue wakes the handler's task for each message, which costs as much as
    everything else that aiohttp does for it.
    """

    receiver: Receiver | None = None

    def feed_data(self, data: Any, size: int) -> None:
        """Take one message; aiohttp's parser calls this."""
        receiver = self.receiver
        if receiver is not None and (data.type is _TEXT or data.type is _BINARY):
            receiver.receive(data.data)
        else:
            super().feed_data(data, size)


class CorkingParser:
    """Parses what one read has brought, then lets the answers out in one write.

    A client that sends several messages at once would else cost a system call for each answer.
    """

    __slots__ = ("_parser", "websocket")

    def __init__(self, parser: WebSocketReader) -> None:
        self._parser = parser
        self.websocket: Corked | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Parse what was read; aiohttp's protocol calls this."""
        websocket = self.websocket
        if websocket is None:
            return self._parser.feed_data(data)
        websocket.cork()
        try:
            return self._parser.feed_data(data)
        finally:
            websocket.uncork()

    def feed_eof(self) -> None:
        """Note that the client sends nothing more; aiohttp's protocol calls this."""
        self._parser.feed_eof()


class DirectWebSocketResponse(web.WebSocketResponse):
    """A websocket that may hand over its messages as they are parsed."""

    _queue: DirectQueue
    _corking: CorkingParser

    def _post_start(self, request: Any, protocol: str | None, writer: Any) -> None:
        # What the client has sent already is for the new parser, in case it sent half a frame.
        connection = request.protocol
        early, connection._message_tail = connection._message_tail, b""
        super()._post_start(request, protocol, writer)
        loop = asyncio.get_running_loop()
        self._queue = self._reader = DirectQueue(connection, QUEUE_LIMIT, loop=loop)
        self._parser = WebSocketReader(
            self._queue, self._max_msg_size, compress=bool(self._compress), decode_text=True
        )
        self._corking = connection._payload_parser = CorkingParser(self._parser)
        if early:
            self._parser.feed_data(early)

    def hand_over(self, receiver: Receiver, corked: Corked) -> bool:
        """Hand messages over as they are parsed from now on.

        Args:
            receiver: Gets them.
            corked: Told when a read begins and ends.

        Returns:
            Whether that is so: not before what waits already has been received.
        """
        if self._queue._buffer:
            return False
        self._queue.receiver = receiver
        self._corking.websocket = corked
        return True
