"""What only the engine of threads does; `in_loop` has the same names for an event loop.

Everything else of the Engine.IO server is written once, in `socketio/_async`. Two kinds of locks
keep the invariants. A session's lock is held by whoever changes its state, its transport or its
outbox: while it is held no handler runs, and no other session's lock is taken. The engine's clock
is locked by whoever changes the tables of deadlines or the timer.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from .._core.logs import escaped
from ..abc.mode import AsyncMode
from ..abc.runtime import Pending, Timer
from ..abc.transport import Transport, WebSocket
from ..protocol.engine import EnginePacket
from .base import BaseEngine
from .http import Request
from .session import Reason, Session


class ThreadSession(Session):
    """A client's connection, used by any thread."""

    __slots__ = ("lock",)

    lock: AbstractContextManager[Any]
    """Held, never for long, by whoever changes the state, the transport or the outbox."""

    def __init__(
        self, engine: BaseEngine, sid: str, transport_name: str, environ: dict[str, Any]
    ) -> None:
        super().__init__(engine, sid, transport_name, environ)
        self.lock = engine.runtime.create_lock()

    def _hand_over(self, packets: Iterable[EnginePacket]) -> None:
        """Send packets that belong together, with nothing of another thread in between."""
        with self.lock:
            super()._hand_over(packets)

    def close(self) -> bool:
        """End the session; True for the one thread that was first."""
        with self.lock:
            return super().close()


class ThreadEngine(BaseEngine):
    """The part of an engine that knows it runs in threads."""

    flavour = "sync"
    session_class = ThreadSession

    def _begin_anew(self) -> None:
        super()._begin_anew()
        # The first requests may come at the same time, and must not choose twice.
        self._choice_lock = threading.RLock()
        self.loop: None = None
        """Threads have no event loop."""
        self.answering: set[Request] = set()
        """HTTP requests without an answer; while the engine stops, those without a whole one."""

    @property
    def mode(self) -> AsyncMode:
        """The async mode; it follows from the web server if nothing chose one before."""
        if self._mode is None:
            with self._choice_lock:
                return super().mode
        return self._mode

    def _default_mode(self) -> AsyncMode:
        """Return the first mode, by rank, that works in the thread that asks.

        A web server on greenlets is only recognised from inside it, so the mode is chosen with
        the first request.
        """
        for entry in self.registry.async_modes(self.flavour):
            if entry.detect():
                return self.use_mode(entry.name)
        return self.use_mode("threading")

    @property
    def runtime(self) -> Any:
        """What runs handlers and timers."""
        if self._runtime is None:
            with self._choice_lock:
                if self._runtime is None:
                    runtime: Any = self._create_runtime()
                    # Of the kind that the mode's threads can wait for.
                    self._clock = runtime.create_lock()
                    self._runtime = runtime
        return self._runtime

    def _enter(self) -> None:
        """Do nothing: threads belong to no loop."""

    def _renew(self) -> None:
        """Get ready for new sessions: what a `shutdown` has ended is made anew."""
        with self._choice_lock:
            if self.stopping and self._runtime is not None:
                # Timers, threads and the socket loop of the old one have ended for good, the last
                # with the clients that have not said goodbye yet.
                self.runtime.abort_sockets()
                self.stop_timer()
                self._lingering.clear()
                self._runtime = None

    def stop(self, seconds: float) -> None:
        """Close all sessions because the process ends: no wait is longer than allowed.

        Args:
            seconds: How long the last packets and the disconnect handlers may take together.
        """
        self.stopping = True
        runtime = self.runtime
        deadline = runtime.now() + seconds
        sessions = list(self.sessions.values())
        for session in sessions:
            session.end(Reason.SERVER_DISCONNECT)
        while (
            self.answering or any(session.outbox for session in sessions)
        ) and runtime.now() < deadline:
            runtime.sleep(0.01)
        runtime.wait_idle(max(deadline - runtime.now(), 0))
        runtime.abort_sockets()


def in_context(receive: Callable[[str | bytes], None]) -> Callable[[str | bytes], None]:
    """Return a function that takes messages in the context of the caller.

    Whoever reads a websocket has another context than the request that opened it, in which a
    middleware has set variables for the handlers.
    """
    context = contextvars.copy_context()

    def receive_there(message: str | bytes) -> None:
        # A copy: a thread that a handler holds up is still in it when another thread reads on.
        context.copy().run(receive, message)

    return receive_there


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
        session = self.session
        with session.lock:
            if self._blocked or session.outbox:
                session.enqueue(packet)
            else:
                self._write(packet)

    def _write(self, packet: EnginePacket) -> None:
        """Write a packet that nothing waits before; called with the session's lock held."""
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

    def _written(self, pending: object) -> None:
        """Go on with the outbox: the websocket takes more."""
        with self.session.lock:
            self._blocked = False
            self._flush()

    def unsent(self) -> int:
        """Return how many bytes have left the outbox and not the process."""
        return self._websocket.unsent()

    def _let_go(self) -> None:
        """Keep the session: another thread may be about to send to it."""

    def _start_close(self, code: int, reason: str) -> Pending | None:
        """Send the close frame; the websocket sees to it that the client answers in time."""
        self._websocket.close(code, reason)
        return None


def read_body(request: Request, max_bytes: int, seconds: float) -> bytes:
    """Read the body of a request; the request itself was told how long that may take.

    Args:
        request: The request.
        max_bytes: How long the body may be.
        seconds: How long the client may take to send it.

    Raises:
        BodyTooLarge: It is longer.
        BodyTooSlow: It takes longer.
    """
    body: bytes = request.read_body(max_bytes)
    return body


def call_handler(handler: Callable[..., Any], *args: Any) -> Any:
    """Call a handler of the application."""
    return handler(*args)
