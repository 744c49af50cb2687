"""The connection behind the `send` of an ASGI server: how full it is, and how it is cut.

ASGI has no word for either, so this looks at what the servers give to their applications. That is
no public interface: where a release is made otherwise, or a middleware stands between, nothing is
found, and the server alone decides about its connection.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Any

from ..runtimes.asyncio.tasks import create_task

READ_SIZE = 1024
"""Bytes that Twisted reads of a websocket at a time. Of its 64 KiB, which are ten thousand small
messages, daphne's parser makes two seconds in which nobody else is served."""

MAX_LAYERS = 5
"""How many objects hypercorn may have between an application and its connection."""


def find_abort(send: Any) -> Callable[[], object] | None:
    """Return what cuts the connection of an HTTP/1 client, or None where it is out of reach."""
    return next(filter(None, _candidates(send)), None)


def _candidates(send: Any) -> Iterator[Callable[[], object] | None]:
    yield getattr(_twisted_transport(send), "abortConnection", None)
    for owner in _owners(send):
        for holder in (owner, getattr(owner, "writer", None)):
            yield getattr(getattr(holder, "transport", None), "abort", None)


def find_unsent(send: Any) -> Callable[[], int] | None:
    """Return what tells how many bytes wait for the connection, or None if out of reach."""
    for owner in _owners(send):
        for holder in (owner, getattr(owner, "writer", None)):
            transport = getattr(holder, "transport", None)
            size: Callable[[], int] | None = getattr(transport, "get_write_buffer_size", None)
            if size is not None:
                return size
    return None


class LatePongs:
    """Answers of the pings of a client that does not read only the last, as uvicorn does not.

    Args:
        protocol: uvicorn's protocol for websockets by `wsproto`, whose `handle_ping` this is.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._answer = protocol.handle_ping
        self._last: Any = None

    def __call__(self, event: Any) -> None:
        """Answer a ping, now or when the client reads."""
        if self._protocol.writable.is_set():
            self._answer(event)
            return
        waits, self._last = self._last is not None, event
        if not waits:
            create_task(self._answer_late())

    async def _answer_late(self) -> None:
        await self._protocol.writable.wait()
        event, self._last = self._last, None
        if not self._protocol.transport.is_closing():
            self._answer(event)


def bound_pongs(send: Any) -> None:
    """Let pongs to a client that does not read not pile up, where the server lets them."""
    protocol: Any = getattr(send, "__self__", None)
    needed = ("handle_ping", "transport", "writable")
    if type(protocol).__name__ == "WSProtocol" and all(hasattr(protocol, n) for n in needed):
        protocol.handle_ping = LatePongs(protocol)


def _owners(send: Any) -> Iterator[Any]:
    """Yield the objects through which an event goes: hypercorn's layers each keep the next."""
    before = None
    for _ in range(MAX_LAYERS):
        owner = getattr(send, "__self__", None)
        if owner is None or owner is before:
            return
        yield owner
        before, send = owner, getattr(owner, "send", None)


def _twisted_transport(send: Any) -> Any:
    """Return the Twisted transport of daphne, whose `send` carries its protocol."""
    if not isinstance(send, functools.partial) or len(send.args) != 1:
        return None
    return getattr(send.args[0], "transport", None)


class TwistedFlow:
    """Does what daphne does not: waits for its client, has it wait, and sends every message.

    Its `send` does not wait while the buffer of the transport is full, and the queue behind its
    `receive` has no bound.

    Args:
        protocol: Daphne's protocol of a websocket.
        transport: Its transport; it tells of its buffer by the methods of a push producer.
    """

    def __init__(self, protocol: Any, transport: Any) -> None:
        self._protocol = protocol
        self._transport = transport
        # So much is read, parsed in Python and put into the queue before others have a turn.
        transport.bufferSize = READ_SIZE
        self._paused: asyncio.Future[None] | None = None
        transport.unregisterProducer()  # the HTTP protocol that the websocket has replaced
        transport.registerProducer(self, True)

    def pauseProducing(self) -> None:  # noqa: N802  # Twisted's name
        """Note that the buffer is full."""
        if self._paused is None:
            self._paused = asyncio.get_running_loop().create_future()

    def resumeProducing(self) -> None:  # noqa: N802  # Twisted's name
        """Note that the buffer is empty."""
        if self._paused is not None:
            paused, self._paused = self._paused, None
            if not paused.done():
                paused.set_result(None)

    stopProducing = resumeProducing  # noqa: N815  # Twisted's name

    def pause_reading(self) -> None:
        """Read nothing more of the connection."""
        self._transport.pauseProducing()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resumeProducing()

    def send_here(self, data: str | bytes) -> bool:
        """Send a message that daphne would drop or refuse, and tell whether it was one.

        It takes an empty binary message for none, and holds what is sent to its limit of what may
        be received (`--websocket-max-message-size`, 1 MiB).
        """
        protocol = self._protocol
        limit = getattr(protocol, "maxMessagePayloadSize", 0)
        small = not limit or len(data) * 4 <= limit  # so it is in UTF-8, whatever it holds
        if (data and small) or not hasattr(protocol, "serverSend"):
            return False
        protocol.maxMessagePayloadSize = 0
        try:
            protocol.serverSend(data, isinstance(data, bytes))
        finally:
            protocol.maxMessagePayloadSize = limit
        return True

    async def wait(self) -> None:
        """Wait until more may be sent."""
        if self._paused is not None:
            await asyncio.shield(self._paused)


def find_flow(send: Any) -> TwistedFlow | None:
    """Return what waits for the connection where the server's `send` does not."""
    transport = _twisted_transport(send)
    if not hasattr(transport, "registerProducer"):
        return None
    return TwistedFlow(send.args[0], transport)
