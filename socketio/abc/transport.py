"""How one client's packets travel, and what an async mode must give for a websocket.

A transport knows its connection and its session, never the server above.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from ..protocol.engine import EnginePacket
from .engine import ServedEngine, ServedSession
from .http import Headers, Request, Response

MAX_CORKED = 65_536
"""Bytes that a websocket may hold back to send them together with what follows."""


class Receiver(Protocol):
    """What takes the messages of a websocket."""

    receive: Callable[[str | bytes], Any]


class WebSocket(ABC):
    """A websocket of the web server, before and after it is accepted.

    Methods marked "waits" are coroutine methods in the asyncio flavour and block in the others.
    """

    __slots__ = ()

    @abstractmethod
    def accept(self, headers: Headers) -> Any:
        """Complete the opening handshake (waits).

        Args:
            headers: To be sent with the answer.
        """

    @abstractmethod
    def refuse(self, response: Response) -> Any:
        """Refuse the opening handshake with an HTTP answer, or as near as possible (waits)."""

    @abstractmethod
    def write(self, packet: EnginePacket) -> Any:
        """Send a packet's `websocket` form as one message.

        Returns:
            None when it is written, or will be when this turn of the event loop ends; else what
            has an `add_done_callback` (in the asyncio flavour a task or future) and is done when
            more may be written.

        Raises:
            OSError: The connection is gone.
        """

    @abstractmethod
    def serve(self, transport: Receiver) -> Any:
        """Hand every message to `transport.receive` until either side closes (waits).

        The attribute is to be looked up for each message: an upgrade changes it.

        Raises:
            ProtocolError: The client broke the websocket protocol, or sent too much.
        """

    @abstractmethod
    def close(self, code: int = 1000, reason: str = "") -> Any:
        """Close the websocket (waits); `serve` then returns. Harmless when it is closed."""

    def abort(self) -> bool:
        """Cut the connection without sending what waits; never waits.

        For clients that read nothing: `close` would wait for them.

        Returns:
            False where the connection is out of reach: the web server alone can end it.
        """
        return False

    def pause_reading(self) -> None:  # noqa: B027  # not every connection can
        """Read no more of the client, and hand no more messages over, until `resume_reading`.

        Called when too much waits for handlers, in the middle of a call of `receive` too; never
        waits. A few messages may come all the same. Where a connection cannot pause, the session
        ends at `max_inbox_size`.
        """

    def resume_reading(self) -> None:  # noqa: B027  # not every connection can
        """Go on where `pause_reading` has stopped; never waits, and hands nothing over itself."""

    def was_behind(self) -> bool:
        """Tell whether messages had to wait for others' turns since this was asked last.

        Then an answer to a ping may be behind them.
        """
        return False

    def unsent(self) -> int:
        """Return how many bytes were written and have not left the process, where that is known.

        While it changes, a client that takes a long message slowly is not taken for one that reads
        nothing.
        """
        return 0


class Transport(ABC):
    """One session's connection over one transport.

    A class of it is what a `TransportEntry` loads: the engine hands requests of that transport
    to the class, and packets of its session to the instance.
    """

    name: ClassVar[str]
    """The name in the query argument `transport`."""

    session: ServedSession

    @abstractmethod
    def send(self, packet: EnginePacket) -> None:
        """Send a packet, or keep it in the session's outbox until it can be sent; never waits."""

    def unsent(self) -> int:
        """Return how many bytes have left the outbox and not the process; see `WebSocket`."""
        return 0

    @abstractmethod
    def close(self) -> None:
        """End the connection after what is in the outbox; never waits.

        Call `session.release()` when that has been sent or given up: session and transport refer to
        each other, and only the garbage collector would find them.
        """

    def pause_reading(self) -> None:  # noqa: B027  # not every transport can
        """Take no more of the client; see `WebSocket.pause_reading`.

        Called with the session's lock held.
        """

    def resume_reading(self) -> None:  # noqa: B027  # not every transport can
        """Go on taking what the client sends; called with the session's lock held."""

    def was_behind(self) -> bool:
        """Tell whether messages had to wait here; see `WebSocket.was_behind`."""
        return False

    @classmethod
    def handle_http(
        cls, engine: ServedEngine, request: Request, session: ServedSession | None
    ) -> Any:
        """Answer an HTTP request of this transport (a coroutine in the asyncio flavour).

        Args:
            engine: The engine that was asked.
            request: The request; origin and protocol revision are checked.
            session: The session it names, or None for a handshake.

        Returns:
            A `Response`.

        Raises:
            HTTPError: The request is refused.
            ProtocolError: The request breaks the protocol; the engine ends the session.
        """
        raise NotImplementedError(f"transport {cls.name} takes no HTTP requests")

    @classmethod
    def handle_websocket(
        cls,
        engine: ServedEngine,
        request: Request,
        websocket: WebSocket,
        session: ServedSession | None,
    ) -> Any:
        """Serve a websocket of this transport to its end (a coroutine in the asyncio flavour).

        Args:
            engine: The engine that was asked.
            request: The opening request; origin and protocol revision are checked.
            websocket: Not accepted yet.
            session: The session to upgrade, or None for a handshake.

        Raises:
            HTTPError: The websocket is refused; it must not have been accepted.
        """
        raise NotImplementedError(f"transport {cls.name} takes no websockets")
