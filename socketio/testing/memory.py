"""Clients in the server's own process: real packets, no network, no web server.

They speak the packets of both protocols with the engine of either flavour.
"""

from __future__ import annotations

import asyncio
import queue
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..abc.transport import Transport
from ..engine.session import Session
from ..protocol.engine import EnginePacket
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
        on_close: Called when the session has ended.
    """

    name = "memory"

    def __init__(
        self,
        session: Session,
        deliver: Callable[[EnginePacket], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.session = session
        self.sent: deque[EnginePacket] = deque()
        self.closed = False
        self._deliver = deliver or self.sent.append
        self._on_close = on_close

    def send(self, packet: EnginePacket) -> None:
        """Hand a packet over at once."""
        self._deliver(packet)

    def close(self) -> None:
        """Note that the session has ended."""
        self.closed = True
        if self._on_close is not None:
            self._on_close()
        self.session.release()


class ThreadedMemoryTransport(MemoryTransport):
    """Hands packets to a function, those of one thread at a time."""

    def send(self, packet: EnginePacket) -> None:
        """Hand a packet over at once, but not between the parts of another thread's."""
        session: Any = self.session
        with session.lock:
            super().send(packet)


class BaseTestClient(ABC):
    """What the clients of both flavours do without waiting.

    Args:
        server: The server.
        environ: The request with which the client seems to connect.

    Attributes:
        sids: The client ids by namespace.
    """

    __test__ = False  # the names begin like tests', but pytest must not collect them

    def __init__(self, server: Any, environ: dict[str, Any] | None = None) -> None:
        self.server = server
        self.environ = {"REMOTE_ADDR": "127.0.0.1", "QUERY_STRING": "", **(environ or {})}
        self.sids: dict[str, str] = {}
        self.session: Session | None = None
        self._decoder = Decoder(server.packet_class)
        self._events: dict[str, Any] = {}
        self._answers: dict[tuple[str, int], Any] = {}
        self._next_ack = 0
        self._connecting: dict[str, Any] = {}
        self._handlers: dict[tuple[str, str], Callable[..., Any]] = {}

    @abstractmethod
    def _create_future(self) -> Any:
        """Return what `set_result` and `set_exception` end a wait with."""

    @abstractmethod
    def _create_queue(self) -> Any:
        """Return a queue without bounds."""

    @abstractmethod
    def _handle(self, handler: Callable[..., Any], packet: Packet, namespace: str) -> None:
        """Call a handler with an event and send its ack."""

    @property
    def reason(self) -> str | None:
        """Why the session has ended, or None."""
        return self.session.ended if self.session is not None else None

    def on(self, event: str, handler: Callable[..., Any], namespace: str = "/") -> None:
        """Answer an event by a function, whose result is the ack; `receive` gets it too."""
        self._handlers[namespace, event] = handler

    def emit(self, event: str, *args: Any, namespace: str = "/") -> None:
        """Send an event."""
        self._send(EVENT, [event, *args], namespace)

    def received(self, namespace: str = "/") -> list[list[Any]]:
        """Return the events that have come and were not fetched yet."""
        events = self._queue(namespace)
        return [events.get_nowait() for _ in range(events.qsize())]

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

    def _create_session(self, transport: type[MemoryTransport]) -> Session:
        session: Session = self.server.eio.create_session("memory", dict(self.environ))
        session.transport = transport(session, self._take, self._fail_waits)
        self.session = session
        return session

    def _join(self, namespace: str, auth: Any) -> Any:
        """Ask to join a namespace; return the future of the client's id there."""
        answer = self._connecting[namespace] = self._create_future()
        self._send(CONNECT, auth, namespace)
        self._fail_if_ended()
        return answer

    def _ask(self, event: str, args: tuple[Any, ...], namespace: str) -> Any:
        """Send an event; return the future of the values of its ack."""
        ack_id, self._next_ack = self._next_ack, self._next_ack + 1
        answer = self._answers[namespace, ack_id] = self._create_future()
        self._send(EVENT, [event, *args], namespace, ack_id)
        self._fail_if_ended()
        return answer

    def _fail_if_ended(self) -> None:
        """End the waits of a session that has ended before they began."""
        if self.reason is not None:
            self._fail_waits()

    def _fail_waits(self) -> None:
        """End the waits for answers that will not come any more."""
        waiting = [*self._connecting.values(), *self._answers.values()]
        self._connecting.clear()
        self._answers.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(ConnectionAbortedError(f"the session ended: {self.reason}"))

    def _queue(self, namespace: str) -> Any:
        if namespace not in self._events:
            self._events.setdefault(namespace, self._create_queue())
        return self._events[namespace]

    def _send(self, packet_type: int, data: Any, namespace: str, id: int | None = None) -> None:
        encoded = self.server.packet_class(packet_type, data, namespace, id).encode()
        for part in encoded if isinstance(encoded, list) else [encoded]:
            self.send_raw(f"4{part}" if isinstance(part, str) else part)

    def _answer(self, packet: Packet, namespace: str, result: Any) -> None:
        """Send the ack of an event, if it wants one."""
        if packet.id is not None:
            values = list(result) if isinstance(result, tuple) else [result]
            self._send(ACK, values, namespace, packet.id)

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
            if handler is not None:
                self._handle(handler, packet, namespace)
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


class AsyncTestClient(BaseTestClient):
    """A client of an `AsyncServer` in the same process and event loop.

    Args:
        server: The server.
        environ: The request with which the client seems to connect.

    Attributes:
        sids: The client ids by namespace.
    """

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
            ConnectionAbortedError: The session ended before there was an answer.
            TimeoutError: The builtin one: no answer came in time.
        """
        if self.session is None:
            await self.server.eio.open(self._create_session(MemoryTransport))
        sid: str = await asyncio.wait_for(self._join(namespace, auth), timeout)
        return sid

    async def call(
        self, event: str, *args: Any, namespace: str = "/", timeout: float = 5
    ) -> list[Any]:
        """Send an event and return the values of the server's ack.

        Raises:
            ConnectionAbortedError: The session ended before there was an ack.
            TimeoutError: The builtin one: no ack came in time.
        """
        values: list[Any] = await asyncio.wait_for(self._ask(event, args, namespace), timeout)
        return values

    async def receive(self, namespace: str = "/", timeout: float = 5) -> list[Any]:
        """Return the next event as `[name, *args]`.

        Raises:
            TimeoutError: The builtin one: none came in time.
        """
        event: list[Any] = await asyncio.wait_for(self._queue(namespace).get(), timeout)
        return event

    def _create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def _create_queue(self) -> asyncio.Queue[list[Any]]:
        return asyncio.Queue()

    def _handle(self, handler: Callable[..., Any], packet: Packet, namespace: str) -> None:
        self._answer(packet, namespace, handler(*packet.data[1:]))


class TestClient(BaseTestClient):
    """A client of a `Server` in the same process.

    Args:
        server: The server.
        environ: The request with which the client seems to connect.

    Attributes:
        sids: The client ids by namespace.
    """

    def connect(self, namespace: str = "/", auth: Any = None, timeout: float = 5) -> str:
        """Open the session if need be, and join a namespace.

        Args:
            namespace: The namespace.
            auth: What the connect handler gets; None sends nothing.
            timeout: Seconds to wait for the server's answer.

        Returns:
            The client's id there.

        Raises:
            ConnectionRefusedError: The builtin one, with what the server said.
            ConnectionAbortedError: The session ended before there was an answer.
            TimeoutError: The builtin one: no answer came in time.
        """
        if self.session is None:
            self.server.eio.open(self._create_session(ThreadedMemoryTransport))
        sid: str = self._join(namespace, auth).result(timeout)
        return sid

    def call(self, event: str, *args: Any, namespace: str = "/", timeout: float = 5) -> list[Any]:
        """Send an event and return the values of the server's ack.

        Raises:
            ConnectionAbortedError: The session ended before there was an ack.
            TimeoutError: The builtin one: no ack came in time.
        """
        values: list[Any] = self._ask(event, args, namespace).result(timeout)
        return values

    def receive(self, namespace: str = "/", timeout: float = 5) -> list[Any]:
        """Return the next event as `[name, *args]`.

        Raises:
            TimeoutError: The builtin one: none came in time.
        """
        try:
            event: list[Any] = self._queue(namespace).get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"no event came within {timeout} s") from None
        return event

    def _create_future(self) -> Future[Any]:
        return Future()

    def _create_queue(self) -> queue.Queue[list[Any]]:
        return queue.Queue()

    def _handle(self, handler: Callable[..., Any], packet: Packet, namespace: str) -> None:
        # Not in the server's thread, which holds the session's lock while it sends.
        def run() -> None:
            self._answer(packet, namespace, handler(*packet.data[1:]))

        self.server.start_background_task(run)
