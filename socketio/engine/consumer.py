"""The layer above an engine: what the engine tells it, and the handlers of plain Engine.IO.

Called by the engine with sessions and their messages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.handlers import F
from .session import Session

if TYPE_CHECKING:
    from .base import BaseEngine

EVENTS = ("connect", "message", "disconnect")


class Consumer(ABC):
    """The layer above an engine: told of sessions and their messages."""

    @abstractmethod
    def session_opened(self, session: Session) -> Any:
        """Note a new session, before its first message (a coroutine in the asyncio flavour).

        Returns:
            None to accept it, or the JSON value with which it is refused (401).
        """

    @abstractmethod
    def message(self, session: Session, data: str | bytes) -> None:
        """Take one message of the client; never waits.

        Raises:
            ProtocolError: The message breaks the protocol of this layer.
        """

    def session_upgraded(self, session: Session) -> None:  # noqa: B027  # not everyone needs it
        """Note that another transport carries a session; never waits."""

    @abstractmethod
    def session_closed(self, session: Session, reason: str) -> None:
        """Note the end of a session, once; never waits."""


class BaseEngineHandlers(Consumer):
    """The application's handlers of `connect`, `message` and `disconnect`.

    Args:
        engine: The engine that tells of its sessions.
    """

    def __init__(self, engine: BaseEngine) -> None:
        self._engine = engine
        self._handlers: dict[str, Callable[..., Any]] = {}

    def decorator(self, event: str) -> Callable[[F], F]:
        """Return the decorator that registers a handler; a later one replaces an earlier one.

        Args:
            event: The event's name.

        Raises:
            ValueError: There is no such event.
        """
        if event not in EVENTS:
            raise ValueError(f"Engine.IO has no event {event!r}, only {', '.join(EVENTS)}")

        def register(function: F) -> F:
            self._handlers[event] = function
            return function

        return register
