"""What only the engine of an event loop does; `in_threads` has the same names for threads.

Everything else of the Engine.IO server is written once, in `socketio/_async`. An event loop is one
thread, so nothing here takes a lock: sending one packet is the hot path of every emit.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable
from typing import Any

from .._core.logs import escaped
from ..abc.mode import AsyncMode
from ..abc.runtime import Pending, Timer
from ..abc.transport import Transport, WebSocket
from ..protocol.engine import EnginePacket
from .base import BaseEngine
from .ended import ENDED_WEBSOCKET
from .http import BodyTooSlow, Request
from .session import Session


class LoopEngine(BaseEngine):
    """The part of an engine that knows it runs in an event loop."""

    flavour = "async"

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop of the clients; None before the first one."""

    def _default_mode(self) -> AsyncMode:
        return self.use_mode("asgi")

    def _enter(self) -> None:
        """Belong to the loop that runs now."""
        self.loop = self.runtime.bind()

    def _renew(self) -> None:
        """Get ready for new sessions; timers of the loop before have ended with it."""
        self._enter()


def in_context(receive: Callable[[str | bytes], None]) -> Callable[[str | bytes], None]:
    """Return a function that takes messages in the context of the caller.

    Whoever reads a websocket may have another context than the request that opened it, in which a
    middleware has set variables for the handlers.
    """
    run: Callable[..., None] = contextvars.copy_context().run
    return functools.partial(run, receive)


class WebSocketOutput(Transport):
    """How a websocket's packets leave: written at once, unless something waits before them."""

    __slots__ = ("_blocked", "_closing", "_timer", "_websocket", "session")

    session: Session
    _websocket: WebSocket
    _blocked: bool
    """Whether packets must wait: before the websocket is accepted, and while it is full."""
    _closing: bool
    _timer: Timer | None
    _flush: Callable[[], None]

    def send(self, packet: EnginePacket) -> None:
        """Write a packet at once, or behind those that wait already."""
        if self._blocked:  # and only then is the outbox not empty
            self.session.enqueue(packet)
            return
        try:
            pending = self._websocket.write(packet)
        except (OSError, RuntimeError) as error:
            # The reader ends too, and reports why; nothing more can be sent.
            self.session.engine.logger.debug(
                "%s: cannot send: %s", self.session.log_id, escaped(error)
            )
            self._blocked = True
            return
        if pending is not None:
            self._blocked = True
            pending.add_done_callback(self._written)

    _write = send

    def _written(self, pending: Any) -> None:
        """Go on with the outbox: the websocket takes more."""
        if pending.cancelled() or pending.exception() is not None:
            return  # the connection is gone, and its reader says so
        if self._websocket is not ENDED_WEBSOCKET:
            self._blocked = False
            self._flush()

    def unsent(self) -> int:
        """Return how many bytes have left the outbox and not the process."""
        return self._websocket.unsent()

    def _let_go(self) -> None:
        """Give up the session: its websocket has ended, and no timer is left to ask for it."""
        del self.session

    def _start_close(self, code: int, reason: str) -> Pending | None:
        """Begin the closing handshake; return what waits for the client, if anything does."""
        pending: Pending | None = self.session.engine.runtime.start(
            self._websocket.close, code, reason
        )
        return pending


async def read_body(request: Request, max_bytes: int, seconds: float) -> bytes:
    """Read the body of a request within its time.

    Args:
        request: The request.
        max_bytes: How long the body may be.
        seconds: How long the client may take to send it.

    Raises:
        BodyTooLarge: It is longer.
        BodyTooSlow: It takes longer.
    """
    try:
        async with asyncio.timeout(seconds):
            body: bytes = await request.read_body(max_bytes)
    except TimeoutError as error:
        raise BodyTooSlow(seconds) from error
    return body


async def call_handler(handler: Callable[..., Any], *args: Any) -> Any:
    """Call a handler of the application, and wait for it if it is a coroutine function."""
    result = handler(*args)
    return await result if inspect.isawaitable(result) else result
