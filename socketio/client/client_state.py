"""Where a client is in its life, one attempt to connect, and the waits between attempts.

Nothing here waits or knows a socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from .._core.chance import uniform
from ..abc.runtime import Waiter


class ClientState(Enum):
    """Where a client is in its life."""

    DISCONNECTED = "disconnected"
    """No connection, and none will come by itself."""
    CONNECTING = "connecting"
    """`connect()` is at work."""
    CONNECTED = "connected"
    """The connection is in use; if it is lost, a reconnection follows."""
    RECONNECTING = "reconnecting"
    """The one reconnection task waits or makes an attempt."""
    DISCONNECTING = "disconnecting"
    """The connection is being ended, by us or because the server ended its last namespace."""


TRANSITIONS: Final[dict[ClientState, frozenset[ClientState]]] = {
    ClientState.DISCONNECTED: frozenset({ClientState.CONNECTING}),
    ClientState.CONNECTING: frozenset(
        {
            ClientState.CONNECTED,
            ClientState.RECONNECTING,  # connect(retry=True) and the first attempt failed
            ClientState.DISCONNECTING,  # disconnect() in a connect handler
            ClientState.DISCONNECTED,
        }
    ),
    ClientState.CONNECTED: frozenset(
        {
            ClientState.RECONNECTING,
            ClientState.DISCONNECTING,
            ClientState.DISCONNECTED,  # the connection is lost and reconnection is off
        }
    ),
    ClientState.RECONNECTING: frozenset(
        {
            ClientState.CONNECTED,
            ClientState.DISCONNECTING,
            ClientState.DISCONNECTED,  # given up, or taken over by connect()
        }
    ),
    ClientState.DISCONNECTING: frozenset({ClientState.DISCONNECTED}),
}
"""Which state may follow which."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each attempt to reconnect."""

    delay: float
    """Seconds before the first attempt."""
    delay_max: float
    """Seconds that a delay never exceeds."""
    randomization_factor: float
    """Which fraction of a delay chance may add or take away, from 0 to 1."""
    attempts: int
    """How many attempts are made; 0: no end."""

    def delays(self) -> Iterator[float]:
        """Yield the seconds to wait before each attempt, doubling up to the maximum."""
        delay = self.delay
        attempt = 0
        while self.attempts == 0 or attempt < self.attempts:
            attempt += 1
            delay = min(delay, self.delay_max)
            jitter = delay * self.randomization_factor
            yield min(max(0.0, delay + uniform(-jitter, jitter)), self.delay_max)
            delay *= 2


MAX_EARLY_EVENTS: Final = 10_000
"""How many events are kept that come before the namespaces are answered."""

MAX_EARLY_SIZE: Final = 16 << 20
"""Their size together, in characters of text and bytes of attachments."""


@dataclass(frozen=True, slots=True)
class EarlyEvent:
    """An event of a namespace to which the server has not answered CONNECT yet."""

    namespace: str
    """Its namespace."""
    ack_id: int | None
    """The id of the ack that it asks for, or None."""
    data: list[Any]
    """Its name and its arguments."""


class EarlyEvents:
    """What a server that greets sends before it answers CONNECT, in order and within bounds."""

    __slots__ = ("_events", "_size", "dropped")

    def __init__(self) -> None:
        self._events: list[EarlyEvent] = []
        self._size = 0
        self.dropped = 0
        """How many events were beyond the bounds."""

    def keep(self, event: EarlyEvent, size: int) -> bool:
        """Keep an event.

        Args:
            event: The event.
            size: Its size, in characters of text and bytes of attachments.

        Returns:
            False if there are too many: from the first one on that is beyond the bounds, all are
            dropped, so that there is no gap between those that are kept.
        """
        full = len(self._events) >= MAX_EARLY_EVENTS or self._size + size > MAX_EARLY_SIZE
        if full or self.dropped:
            self.dropped += 1
            return False
        self._size += size
        self._events.append(event)
        return True

    def take(self, namespace: str) -> list[EarlyEvent]:
        """Return the events of a namespace that has been answered, and forget them."""
        taken = [event for event in self._events if event.namespace == namespace]
        if taken:
            self._events = [event for event in self._events if event.namespace != namespace]
        return taken

    def clear(self) -> None:
        """Forget every event: the connection is gone."""
        self._events.clear()


@dataclass(slots=True)
class Attempt:
    """One attempt to connect, from the handshake to the answer of every namespace."""

    namespaces: list[str]
    """The namespaces that were asked for."""
    awaited: bool = True
    """Whether `connect()` waits for the answers."""
    accepted: set[str] = field(default_factory=set)
    """Those that the server accepted."""
    refused: dict[str, Any] = field(default_factory=dict)
    """Those that it refused, with its reason."""
    running_handlers: int = 0
    """How many connect and connect_error handlers are running."""
    failure: str | None = None
    """Why the connection was lost before the end of the attempt, or None."""
    waiter: Waiter | None = None
    """Set at the next change."""
    early: EarlyEvents = field(default_factory=EarlyEvents)
    """The events of namespaces that are not answered yet."""

    @property
    def answered(self) -> bool:
        """Whether the server has answered for every namespace, or never will."""
        answers = len(self.accepted) + len(self.refused)
        return self.failure is not None or answers >= len(self.namespaces)

    @property
    def succeeded(self) -> bool:
        """Whether the server accepted every namespace."""
        return len(self.accepted) == len(self.namespaces)

    def expects(self, namespace: str) -> bool:
        """Tell whether the server may still accept a namespace."""
        return (
            self.failure is None
            and namespace in self.namespaces
            and namespace not in self.accepted
            and namespace not in self.refused
        )

    def changed(self) -> None:
        """Wake up whoever waits for the attempt."""
        if self.waiter is not None:
            self.waiter.set(None)

    def fail(self, why: str) -> None:
        """Note that no further answer will come."""
        if self.failure is None:
            self.failure = why
        self.early.clear()
        self.changed()

    def explain(self) -> str:
        """Return the text of the error of an attempt that did not succeed."""
        if self.refused:
            details = "".join(f"; {name}: {_reason(why)}" for name, why in self.refused.items())
            return f"One or more namespaces failed to connect: {', '.join(self.refused)}{details}"
        if self.failure is not None:
            return self.failure
        missing = [name for name in self.namespaces if name not in self.accepted]
        return (
            "Unexpected connection error: the server did not answer in time for the namespaces "
            f"{', '.join(missing)} (wait_timeout= gives it longer)"
        )


def _reason(data: Any) -> str:
    if isinstance(data, dict) and "message" in data:
        return str(data["message"])
    return str(data)


@dataclass(slots=True, eq=False)
class Reconnection:
    """The one task that reconnects, and how to take it back."""

    abort: Waiter
    """Set to end it."""
    task: Any = None
    """The task or thread."""
    aborted: bool = False
    """Whether it was taken back: what it still achieves is undone."""
    final: bool = True
    """Whether nothing follows it, which is told to the application."""
