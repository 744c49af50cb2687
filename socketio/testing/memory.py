"""Clients in the server's own process: real packets, no network, no web server.

Called by tests; it knows the engine of an `AsyncServer` and the packets of both protocols.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from ..abc.transport import Transport
from ..engine.session import Session
from ..protocol.engine import Packet as EnginePacket
from ..protocol.packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Decoder,
    Packet,
)


class MemoryTransport(Transport):
    """Hands packets to a function instead of a network.

    Args:
        session: The session that it carries.
        deliver: Takes each packet that the server sends; None keeps them in `sent`.
    """

    name = "memory"

    def __init__(
        self, session: Session, deliver: Callable[[EnginePacket], None] | None = None
    ) -> None:
        self.session = session
        self.sent: deque[EnginePacket] = deque()
        self.closed = False
        self._deliver = deliver or self.sent.append

    def send(self, packet: EnginePacket) -> None:
        """Hand a packet over at once."""
        self._deliver(packet)

    def close(self) -> None:
        """Note that the session has ended."""
        self.closed = True


class AsyncTestClient:
    """A client of an `AsyncServer` in the same process and event loop.

    Args:
        server: The server.
        environ: The request with which the client seems to connect.

    Attributes:
        sids: The client ids by namespace.
        reason: Why the server ended the session, or None.
    """

    __test__ = False  # the name begins like a test's, but pytest must not collect it

    def __init__(self, server: Any, environ: dict[str, Any] | None = None) -> None:
        self.server = server
        self.environ = {"REMOTE_ADDR": "127.0.0.1", "QUERY_STRING": "", **(environ or {})}
        self.sids: dict[str, str] = {}
        self.session: Session | None = None
        self._decoder = Decoder(server.packet_class)
        self._events: dict[str, asyncio.Queue[list[Any]]] = {}
        self._answers: dict[tuple[str, int], asyncio.Future[Any]] = {}
        self._next_ack = 0
        self._connecting: dict[str, asyncio.Future[Any]] = {}
        self._handlers: dict[tuple[str, str], Callable[..., Any]] = {}

    @property
    def reason(self) -> str | None:
        """Why the session has ended, or None."""
        return self.session.ended if self.session is not None else None

    async def connect(self, namespace: str = "/", auth: Any = None, timeout: float = 5) -> str:
        """Open the session if need be, and join a namespace.

        Args:
            namespace: The namespace.
            auth: What the connect handler gets; None sends nothing.
            timeout: Seconds to wait for the server's answer.

        Returns:
            The client's id there.

        Raises:
            ConnectionRefusedError: The builtin one, with what the server said.
            TimeoutError: The builtin one: no answer came in time.
        """
        engine = self.server.eio
        if self.session is None:
            session = self.session = engine.create_session("memory", dict(self.environ))
            session.transport = MemoryTransport(session, self._take)
            await engine.open(session)
        answer = self._connecting[namespace] = asyncio.get_running_loop().create_future()
        self._send(CONNECT, auth, namespace)
        sid: str = await asyncio.wait_for(answer, timeout)
        return sid

    def on(self, event: str, handler: Callable[..., Any], namespace: str = "/") -> None:
        """Answer an event by a function, whose result is the ack; `receive` gets it too."""
        self._handlers[namespace, event] = handler

    def emit(self, event: str, *args: Any, namespace: str = "/") -> None:
        """Send an event."""
        self._send(EVENT, [event, *args], namespace)

    async def call(
        self, event: str, *args: Any, namespace: str = "/", timeout: float = 5
    ) -> list[Any]:
        """Send an event and return the values of the server's ack.

        Raises:
            TimeoutError: The builtin one: no ack came in time.
        """
        ack_id, self._next_ack = self._next_ack, self._next_ack + 1
        answer = self._answers[namespace, ack_id] = asyncio.get_running_loop().create_future()
        self._send(EVENT, [event, *args], namespace, ack_id)
        values: list[Any] = await asyncio.wait_for(answer, timeout)
        return values

    async def receive(self, namespace: str = "/", timeout: float = 5) -> list[Any]:
        """Return the next event as `[name, *args]`.

        Raises:
            TimeoutError: The builtin one: none came in time.
        """
        return await asyncio.wait_for(self._queue(namespace).get(), timeout)

    def received(self, namespace: str = "/") -> list[list[Any]]:
        """Return the events that have come and were not fetched yet."""
        queue = self._queue(namespace)
        return [queue.get_nowait() for _ in range(queue.qsize())]

    def leave(self, namespace: str = "/") -> None:
        """Leave a namespace."""
        self._send(DISCONNECT, None, namespace)

    def drop(self, reason: str = "transport close") -> None:
        """End the session as a broken connection does."""
        if self.session is not None:
            self.session.end(reason)

    def send_raw(self, message: str | bytes) -> None:
        """Send one Engine.IO message, whatever it holds."""
        if self.session is None:
            raise RuntimeError("connect first")
        self.session.receive(message)

    def _queue(self, namespace: str) -> asyncio.Queue[list[Any]]:
        return self._events.setdefault(namespace, asyncio.Queue())

    def _send(self, packet_type: int, data: Any, namespace: str, id: int | None = None) -> None:
        encoded = self.server.packet_class(packet_type, data, namespace, id).encode()
        for part in encoded if isinstance(encoded, list) else [encoded]:
            self.send_raw(f"4{part}" if isinstance(part, str) else part)

    def _take(self, packet: EnginePacket) -> None:
        """Take what the server sends."""
        if packet.packet_type != 4:
            if packet.packet_type == 2 and self.session is not None:
                self.session.receive("3")
            return
        decoded = self._decoder.add(packet.data)
        if decoded is not None:
            self._dispatch(decoded, decoded.namespace or "/")

    def _dispatch(self, packet: Packet, namespace: str) -> None:
        kind = packet.packet_type
        if kind in (EVENT, BINARY_EVENT):
            self._queue(namespace).put_nowait(packet.data)
            handler = self._handlers.get((namespace, packet.data[0]))
            result = handler(*packet.data[1:]) if handler is not None else None
            if packet.id is not None and handler is not None:
                answer = list(result) if isinstance(result, tuple) else [result]
                self._send(ACK, answer, namespace, packet.id)
        elif kind in (ACK, BINARY_ACK):
            waiting = self._answers.pop((namespace, packet.id or 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(packet.data)
        elif kind in (CONNECT, CONNECT_ERROR):
            answer_to = self._connecting.pop(namespace, None)
            if kind == CONNECT:
                self.sids[namespace] = packet.data["sid"]
            if answer_to is not None and not answer_to.done():
                if kind == CONNECT:
                    answer_to.set_result(packet.data["sid"])
                else:
                    answer_to.set_exception(ConnectionRefusedError(packet.data))
        elif kind == DISCONNECT:
            self.sids.pop(namespace, None)
