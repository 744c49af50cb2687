"""What transports and async modes may expect of the engine and the sessions that they serve."""

from __future__ import annotations

import logging
from typing import Any, Protocol


class ServedSession(Protocol):
    """A client's connection, as its transport sees it."""

    sid: str
    """Its id, which is a secret of its client."""

    def receive(self, message: str | bytes) -> None:
        """Take a message of the client.

        Raises:
            ProtocolError: The message breaks the protocol.
        """

    def end(self, reason: str) -> Any:
        """End the session; harmless when it has ended."""

    def release(self) -> None:
        """Forget the transport, which has ended."""


class ServedEngine(Protocol):
    """An Engine.IO server, as its transports and its async mode see it."""

    logger: logging.Logger
    """Where what happens to connections is logged."""

    @property
    def runtime(self) -> Any:
        """What runs handlers and timers: what the mode's `create_runtime` has returned."""
