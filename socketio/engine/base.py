"""What both engines share: sessions, handshakes, heartbeats, checks of requests. Nothing waits."""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, overload

from .._core import forks
from .._core.handlers import F
from .._core.logs import escaped
from ..abc.mode import AsyncMode, Attachment
from ..abc.transport import Transport
from ..plugins import PluginError, PluginRegistry, get_registry
from ..plugins.types import Flavour
from ..protocol.engine import OPEN, PROTOCOL, EnginePacket, Heartbeats
from .base_handlers import BaseEngineHandlers
from .config import EngineConfig
from .http import (
    BAD_HANDSHAKE_METHOD,
    BAD_REQUEST,
    UNKNOWN_SESSION,
    UNKNOWN_TRANSPORT,
    UNSUPPORTED_PROTOCOL,
    Headers,
    HTTPError,
    OriginPolicy,
    Request,
    check_length,
    cookie_header,
    jsonp_index,
    subprotocol_header,
)
from .options import DEFAULT_TRANSPORTS, EngineOptions
from .session import Consumer, Reason, Session
from .slow_clients import FlowCounts, Pressed

if TYPE_CHECKING:
    from ..abc.runtime import Runtime, Timer

LOOKS = 4
"""How often in `stall_timeout` seconds it is looked whether a client takes what waits for it."""

_SERVES = {"async": ("ASGIApp", "AsyncServer"), "sync": ("WSGIApp", "Server")}


def engine_behind(server: Any, flavour: Flavour) -> Any:
    """Return the engine of a server, or the engine itself, that a wrapper is given.

    Args:
        server: The server or engine.
        flavour: Which one the wrapper serves.

    Raises:
        TypeError: It is one of the other flavour, or none at all.
    """
    wrapper, kind = _SERVES[flavour]
    engine = getattr(server, "eio", server)
    other: Flavour = getattr(engine, "flavour", flavour)
    if other != flavour:
        raise TypeError(
            f"{wrapper} serves a socketio.{kind}, not {type(server).__name__}: wrap that one in "
            f"{_SERVES[other][0]}, or attach it to its framework's application"
        )
    if not hasattr(server, "handle_request"):
        raise TypeError(f"{wrapper} serves a socketio.{kind}, got {server!r}")
    return engine


class BaseEngine(EngineOptions, ABC):
    """Sessions of all clients, whatever carries them.

    Args:
        config: The options; None: they are given as keyword arguments.
        registry: Finds transports and async modes.
        logger: The `engineio` logger of the server.
        **options: The fields of `EngineConfig`, when no config is given.
    """

    flavour: Flavour
    reason = Reason
    session_class: type[Session] = Session
    """What sessions are made of; who observes an engine gives it another one."""
    consumer: Consumer

    def __init__(
        self,
        config: EngineConfig | None = None,
        registry: PluginRegistry | None = None,
        logger: logging.Logger | None = None,
        **options: Any,
    ) -> None:
        if config is None:
            config = EngineConfig.from_arguments(f"{type(self).__name__}()", options)
        self.config = config
        self.async_handlers = config.async_handlers
        self.registry = registry or get_registry()
        self.logger = logger or logging.getLogger("engineio.server")
        self.origins = OriginPolicy(config, self.logger)
        self.pressed = Pressed()
        """The sessions whose outboxes stand above the high-water mark; always the same object."""
        self.pressed.drops_events = config.slow_client_policy != "close"
        self._begin_anew()
        self.stopping = False
        self.cors_checked = False
        """Whether it is known if somebody else answers cross-origin requests too."""
        self._mode: AsyncMode | None = None
        self._transports: dict[str, type[Transport]] = {}
        self._installed: frozenset[str] | None = None
        self._said_no_websocket = False
        if config.transports is not None:
            for name in config.transports:
                self._load_transport(name)
        if config.async_mode is not None:
            self.use_mode(config.async_mode)
        forks.watch(self)

    def _begin_anew(self) -> None:
        """Have no sessions, and nothing that runs."""
        config = self.config
        self.sessions: dict[str, Session] = {}
        self.heartbeats: Heartbeats[Session] = Heartbeats(config.ping_interval, config.ping_timeout)  # type: ignore[arg-type]  # a number after __post_init__
        self._runtime: Runtime | None = None
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._clock: AbstractContextManager[Any] = nullcontext()
        """What threads hold while they change the tables of deadlines or the timer."""
        self._joining: dict[Session, float] = {}
        self._lingering: dict[str, Session] = {}
        self._untold: deque[Session] = deque()
        """Sessions that have ended while something was sent to them; see `tell_later`."""
        self.pressed.clear()
        self.flow = FlowCounts()
        """What was counted of clients that are too slow."""
        self._slow: dict[tuple[Session, str], int] = {}
        self._watched: dict[Session, tuple[int, tuple[int, int]]] = {}
        self._next_look: float | None = None

    def after_fork(self) -> None:
        """Leave sessions and threads to the parent process; see `socketio._core.forks`."""
        forks.keep((self.sessions, self._lingering, self._joining, self._untold))
        forks.keep((list(self.pressed), self._slow, self._watched))
        forks.keep((self._runtime, self._timer))
        self._begin_anew()

    def _use_config(self, config: EngineConfig) -> None:
        """Take over what is derived from options."""
        if config.transports is None:
            self._transports = {}
        elif config.transports != self.config.transports:
            self._transports = {name: self._find_transport(name) for name in config.transports}
        self.origins = OriginPolicy(config, self.logger)
        self.cors_checked = False
        self.pressed.drops_events = config.slow_client_policy != "close"
        with self._clock:
            self.heartbeats.change(config.ping_interval, config.ping_timeout)  # type: ignore[arg-type]  # a number after __post_init__

    def attach(self, app: Any, path: str = "engine.io", **options: Any) -> Any:
        """Make an application serve this engine.

        Args:
            app: An application of any framework that an attachment knows.
            path: The path of the endpoint.
            **options: What the framework's attachment needs besides.

        Returns:
            The application to serve: the same object where the framework allows it, else one
            that wraps it.

        Raises:
            PluginError: No attachment knows this application; the message names those there are.
        """
        return self.attach_for(self, app, path, **options)

    def attach_for(self, server: Any, app: Any, path: str, **options: Any) -> Any:
        """Attach a server that stands before this engine; see `attach`."""
        entry = self.registry.attachment_for(app, self.flavour)
        attachment = self.registry.load_object(entry, Attachment)  # type: ignore[type-abstract]  # nothing is made of it
        if attachment.mode is not None:
            self.use_mode(attachment.mode)
        return attachment.attach(server, app, path.strip("/"), **options)

    # -- modes and transports -------------------------------------------------------------

    @property
    def mode(self) -> AsyncMode:
        """The async mode; the first of the flavour's built-in ones if nothing chose another."""
        if self._mode is None:
            self._mode = self._default_mode()
        return self._mode

    @property
    def async_mode(self) -> str:
        """The name of the async mode."""
        return self.mode.name

    @abstractmethod
    def _default_mode(self) -> AsyncMode:
        """Choose the async mode of a server that is not attached to anything yet."""

    @abstractmethod
    def _enter(self) -> None:
        """Note who runs the code, at the beginning of each session."""

    @abstractmethod
    def _renew(self) -> None:
        """Get ready to take sessions, for the first time or after a `shutdown`."""

    def use_mode(self, name: str) -> AsyncMode:
        """Run in an async mode from now on, as attachments and wrappers ask for it.

        Args:
            name: The mode's name.

        Raises:
            PluginError: No such mode is installed; the message names what to install.
            ValueError: `async_mode=` forced another one, or sessions are open in another one.
        """
        if self._mode is not None and self._mode.name == name:
            return self._mode
        forced = self.config.async_mode
        if forced is not None and forced != name:
            raise ValueError(
                f"this server was created with async_mode={forced!r} and cannot run in mode "
                f"{name!r}; leave async_mode out, the mode follows from the attachment"
            )
        if self.sessions:
            raise ValueError(f"cannot change to mode {name!r} while clients are connected")
        entry = self.registry.async_mode(name, self.flavour)
        mode = self.registry.load_object(entry, AsyncMode)  # type: ignore[type-abstract]  # nothing is made of it
        self._mode = mode
        self._runtime = None
        return mode

    @property
    def runtime(self) -> Any:
        """What runs handlers and timers."""
        if self._runtime is None:
            self._runtime = self._create_runtime()
        return self._runtime

    def _create_runtime(self) -> Runtime:
        runtime = self.mode.create_runtime()
        runtime.set_workers(self.config.handler_threads)
        return runtime

    def _find_transport(self, name: str) -> type[Transport]:
        entry = self.registry.transport(name, self.flavour)
        return self.registry.load_class(entry, Transport)  # type: ignore[type-abstract]  # nothing is made of it

    def _load_transport(self, name: str) -> type[Transport]:
        transport = self._transports[name] = self._find_transport(name)
        return transport

    def transport_class(self, name: str | None) -> type[Transport]:
        """Return the transport that a request asks for.

        Raises:
            HTTPError: There is none of that name, or it is not enabled.
        """
        try:
            return self._transports[name]  # type: ignore[index]  # None is simply not there
        except KeyError:
            pass
        try:
            if name is not None and name in self._served():
                return self._load_transport(name)
        except PluginError as error:
            self.logger.debug("%s", escaped(error))
        raise HTTPError(UNKNOWN_TRANSPORT)

    def _served(self) -> Collection[str]:
        """Return the names under which strangers may have a transport loaded.

        These are `transports=`, or else those of the core and of every plugin that was installed or
        passed: who installs a transport wants it served.
        """
        if self.config.transports is not None:
            return self.config.transports
        if self._installed is None:
            # Asked once: what strangers write into queries must not cost a look at all plugins.
            names = [entry.name for entry in self.registry.transports(self.flavour)]
            self._installed = frozenset(names)
        return self._installed

    def upgrades(self, transport_name: str) -> list[str]:
        """Return the transports that a session may upgrade to."""
        if not self.config.allow_upgrades:
            return []
        names = self.config.transports or DEFAULT_TRANSPORTS
        return [
            name
            for name in names
            if name != transport_name
            and (name != "websocket" or self.mode.websocket)
            and transport_name in self.registry.transport(name, self.flavour).upgrades_from
        ]

    # -- requests -------------------------------------------------------------------------

    def check_request(
        self, request: Request, websocket: bool
    ) -> tuple[type[Transport], Session | None]:
        """Check a request before its transport sees it.

        Returns:
            The transport's class and the session, or None for a handshake.

        Raises:
            HTTPError: The request is refused.
        """
        limit = self.config.max_head_size
        if request.head_size() > limit:
            # Before the query is parsed: what it costs is many times its size.
            text = f"headers and query of more than {limit} bytes; see max_head_size"
            raise HTTPError(BAD_REQUEST, text, 431)
        check_length(request)
        query = request.query
        transport = self.transport_class(query.get("transport"))
        self.origins.check(request)
        if not websocket and "j" in query:
            jsonp_index(query["j"])  # before a session is opened, or its packets are taken
        sid = query.get("sid")
        if sid is None:
            if request.method != "GET":
                raise HTTPError(BAD_HANDSHAKE_METHOD)
            if query.get("EIO") != str(PROTOCOL):
                raise HTTPError(UNSUPPORTED_PROTOCOL, _wrong_protocol(query.get("EIO")))
            if self.stopping:
                raise HTTPError(BAD_REQUEST, "The server is stopping", 503)
            return transport, None
        session = self.sessions.get(sid) or self._lingering.get(sid)
        if session is not None and request.method == "GET" and self._is_overdue(session):
            # The timer has not gone off yet. Of a POST the body may be the answer awaited.
            session.end(Reason.PING_TIMEOUT)
            session = None
        if session is None:
            raise HTTPError(
                UNKNOWN_SESSION,
                "Session ID unknown: it has ended, or it lives in another process; several "
                "processes need sticky sessions, or clients that use websocket only",
            )
        if not websocket and session.transport_name != transport.name:
            raise HTTPError(BAD_REQUEST, f"The session is on {session.transport_name}")
        return transport, session

    def handshake_headers(self, session: Session, request: Request) -> Headers:
        """Return the headers that only the first answer of a session has."""
        return cookie_header(self.config.cookie, session.sid, request)

    def websocket_headers(self, request: Request) -> Headers:
        """Return the headers with which every websocket is accepted."""
        return subprotocol_header(request, self.config.subprotocols)

    # -- sessions -------------------------------------------------------------------------

    @property
    def sockets(self) -> dict[str, Session]:
        """All sessions by their id."""
        return self.sessions

    def generate_id(self) -> str:
        """Return a new session id: 20 characters that nobody can guess."""
        return secrets.token_urlsafe(15)

    def create_session(self, transport: type[Transport] | str, environ: dict[str, Any]) -> Session:
        """Make a session that is not open yet.

        Args:
            transport: The transport of the handshake, or its name.
            environ: The handshake's request.
        """
        name = transport if isinstance(transport, str) else transport.name
        return self.session_class(self, self.generate_id(), name, environ)

    def admit(self, session: Session) -> None:
        """Make a session one of the open ones: its heartbeat begins."""
        now = self.runtime.now()
        session.config = self.config
        self.sessions[session.sid] = session
        if self.config.monitor_clients:
            with self._clock:
                self.heartbeats.add(session, now)
                self._wake_by(now + self.heartbeats.interval, now)
        self.logger.info("%s: opened on %s", session.log_id, session.transport_name)

    def open_packet(self, session: Session) -> EnginePacket:
        """Return the packet that tells the client its session (Engine.IO 4, "Handshake")."""
        config = session.config
        interval: float = config.ping_interval  # type: ignore[assignment]  # a number after __post_init__
        handshake = {
            "sid": session.sid,
            "upgrades": self.upgrades(session.transport_name),
            "pingTimeout": round(config.ping_timeout * 1000),
            "pingInterval": round((interval + config.interval_grace) * 1000),
            "maxPayload": config.max_http_buffer_size,
        }
        return EnginePacket(OPEN, json.dumps(handshake, separators=(",", ":")))

    def forget(self, session: Session) -> None:
        """Drop a session that has ended from every table."""
        self.sessions.pop(session.sid, None)
        with self._clock:
            self.heartbeats.remove(session)
            self._joining.pop(session, None)
            self._watched.pop(session, None)

    def tell_later(self, session: Session) -> None:
        """Tell the consumer of a session's end when the send in which it has ended is over.

        The layer above runs handlers of the application then, which send in their turn.
        """
        self._untold.append(session)
        self.runtime.call_later(0, self._tell_ended)

    def _tell_ended(self) -> None:
        """Tell the consumer of what has become of sessions while something was sent to them."""
        while self._slow:
            try:
                (slow, what), count = self._slow.popitem()
            except KeyError:  # another thread has just taken it
                break
            self.consumer.session_slow(slow, what, count)
        while self._untold:
            try:
                session = self._untold.popleft()
            except IndexError:  # another thread has just taken it
                return
            self.consumer.session_closed(session, session.ended or Reason.TRANSPORT_ERROR)

    def count_slow(self, session: Session, what: str, count: int = 1) -> None:
        """Count what is done about a client that is too slow, and tell the consumer later.

        Args:
            session: The client's.
            what: `'stalled'` or `'overflowed'`: it is closed; or the policy by which events for it
                were dropped.
            count: How many events that were.
        """
        with self._clock:
            setattr(self.flow, what, getattr(self.flow, what) + count)
            first = not self._slow
            self._slow[session, what] = self._slow.get((session, what), 0) + count
        if first:
            self.runtime.call_later(0, self._tell_ended)

    def linger(self, session: Session, seconds: float | None = None) -> None:
        """Keep an ended session until its client has fetched what is left for it.

        Args:
            session: The session.
            seconds: How long the client has for that; None: its `ping_timeout`.
        """
        self._lingering[session.sid] = session
        if seconds is None:
            seconds = session.config.ping_timeout
        self.runtime.call_later(seconds, self._give_up, session.sid)

    def _give_up(self, sid: str) -> None:
        session = self._lingering.get(sid)
        if session is not None:
            self.fetched(session)

    def fetched(self, session: Session) -> None:
        """Note that the client of an ended session has fetched everything, or never will."""
        self._lingering.pop(session.sid, None)
        session.release()

    # -- time -----------------------------------------------------------------------------

    def pong(self, session: Session) -> None:
        """Note a client's answer to a ping."""
        now = self.runtime.now()
        with self._clock:
            due = self.heartbeats.pong(session, now)
            if due is not None:
                # The timer may wait for the end of `ping_timeout`, perhaps the longer of the two.
                self._wake_by(due, now)

    def expect_join(self, session: Session) -> None:
        """End a session unless `joined` is called for it within `connect_timeout` seconds."""
        now = self.runtime.now()
        with self._clock:
            deadline = self._joining[session] = now + self.config.connect_timeout
            self._wake_by(deadline, now)

    def joined(self, session: Session) -> None:
        """Note that a session has joined a namespace."""
        with self._clock:
            self._joining.pop(session, None)

    def _schedule(self, now: float) -> None:
        """Have one timer for all sessions, at the earliest deadline."""
        with self._clock:
            deadline = self.heartbeats.next_deadline()
            if self._joining:
                joining = next(iter(self._joining.values()))
                deadline = joining if deadline is None else min(deadline, joining)
            if self._next_look is not None:
                deadline = self._next_look if deadline is None else min(deadline, self._next_look)
            if deadline is not None:
                self._wake_by(deadline, now)

    def _wake_by(self, deadline: float, now: float) -> None:
        """Have the timer go off at a deadline at the latest; called with the clock's lock held."""
        if self._timer is not None:
            if self._timer_due <= deadline:
                return
            self._timer.cancel()
        self._timer_due = deadline
        self._timer = self.runtime.call_later(max(deadline - now, 0), self._beat)

    def _beat(self) -> None:
        """Ping who is due, and end who is silent or has joined nothing."""
        now = self.runtime.now()
        to_ping, silent, strangers = self._take_due(now)
        try:
            for session in silent:
                session.end(Reason.PING_TIMEOUT)
            for session in to_ping:
                session.is_excused()  # what was before this ping excuses no silence after it
                session.ping()
            for session in strangers:
                self.logger.info("%s: closed, it joined no namespace in time", session.log_id)
                session.end(Reason.SERVER_DISCONNECT)
            if self._next_look is not None and self._next_look <= now:
                self._look_at_outboxes(now)
        finally:
            # Whatever a transport of somebody else's raises, the other sessions go on.
            self._schedule(now)

    def _take_due(self, now: float) -> tuple[list[Session], list[Session], list[Session]]:
        """Take the timer that has gone off, and whom it is for.

        Returns:
            Sessions to ping, those that are silent, and those that have joined nothing.
        """
        with self._clock:
            self._timer = None
            strangers = [session for session, due in self._joining.items() if due <= now]
            for session in strangers:
                del self._joining[session]
            return *self.heartbeats.due(now, Session.is_excused), strangers

    def watch_outbox(self, session: Session) -> None:
        """Look from now on whether a client takes what waits for it."""
        now = self.runtime.now()
        with self._clock:
            session.watched = True
            if session.ended is not None:
                return
            # The first look may come at once, and does not count.
            self._watched[session] = -1, session.progress()
            if self._next_look is None:
                self._next_look = now + self.config.stall_timeout / LOOKS
            self._wake_by(self._next_look, now)

    def _look_at_outboxes(self, now: float) -> None:
        """End the sessions of clients that take nothing.

        Looks are counted, not seconds: a process that stood still has looked once.
        """
        stalled = []
        with self._clock:
            for session, (looks, before) in list(self._watched.items()):
                progress = session.progress()
                if not session.outbox:
                    # In this order: who sends just now either sees that, or is seen.
                    session.watched = False
                    if not session.outbox:
                        del self._watched[session]
                        continue
                    session.watched = True
                # More behind the outbox is no progress: web servers send pings of their own.
                moved = progress[0] != before[0] or progress[1] < before[1]
                looks = 0 if moved else looks + 1
                self._watched[session] = looks, progress
                if looks >= LOOKS:
                    stalled.append(session)
            waits = self.config.stall_timeout / LOOKS
            self._next_look = now + waits if self._watched else None
        for session in stalled:
            session.stall()

    def _is_overdue(self, session: Session) -> bool:
        """Tell whether the client has not answered a ping in time."""
        if session.excused or session.transport.was_behind():
            return False
        now = self.runtime.now()
        with self._clock:
            return self.heartbeats.overdue(session, now)

    def begin_shutdown(self) -> None:
        """Take no new sessions and close those there are; `shutdown` waits for the rest."""
        self.stopping = True
        for session in list(self.sessions.values()):
            session.end(Reason.SERVER_DISCONNECT)
        self._tell_ended()

    def stop_timer(self) -> None:
        """Cancel the timer; it starts again with the next session."""
        with self._clock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._next_look = None

    # -- what applications use ------------------------------------------------------------

    def is_asyncio_based(self) -> bool:
        """Tell whether this engine runs in an event loop."""
        return self.flavour == "async"

    def async_modes(self) -> list[str]:
        """Return the names of the async modes that are installed, the first choice first."""
        return [entry.name for entry in self.registry.async_modes(self.flavour)]

    def get_queue_empty_exception(self) -> type[Exception]:
        """Return what the queues of `create_queue` raise when they are empty."""
        return asyncio.QueueEmpty if self.is_asyncio_based() else queue.Empty

    @overload
    def on(self, event: str, handler: None = None) -> Callable[[F], F]: ...

    @overload
    def on(self, event: str, handler: Callable[..., Any]) -> None: ...

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Register a handler of `connect`, `message` or `disconnect`, also as a decorator.

        Args:
            event: The event's name.
            handler: `connect(sid, environ)`, `message(sid, data)`, `disconnect(sid, reason)`;
                for `AsyncEngine` functions or coroutine functions.

        Raises:
            ValueError: There is no such event, or a Socket.IO server owns this engine.
        """
        table = self.consumer
        if not isinstance(table, BaseEngineHandlers):
            raise ValueError("this engine belongs to a Socket.IO server; use its handlers")
        if handler is None:
            return table.decorator(event)
        table.decorator(event)(handler)
        return None

    def session_of(self, sid: str) -> Session:
        """Return an open session.

        Raises:
            KeyError: There is none with this id.
        """
        try:
            return self.sessions[sid]
        except KeyError:
            raise KeyError("Session not found") from None

    def transport(self, sid: str) -> str:
        """Return the name of the transport that carries a session.

        Raises:
            KeyError: There is no such session.
        """
        return self.session_of(sid).transport_name

    def warn_no_websocket(self, remedy: str = "") -> None:
        """Say once that this mode cannot serve websockets.

        Args:
            remedy: What to do about it, where there is something.
        """
        if not self._said_no_websocket:
            self._said_no_websocket = True
            # An error, because less is not seen unless a logger was asked for.
            self.logger.error(
                "a client asked for a websocket, which mode %s cannot serve here; "
                "long-polling goes on%s",
                self.async_mode,
                remedy and f"; {remedy}",
            )


def _wrong_protocol(revision: str | None) -> str:
    return (
        f"Unsupported protocol version: the client speaks Engine.IO {revision or '3 or older'}, "
        "this server speaks 4; use socket.io-client 3.x or 4.x"
    )
