"""What servers of both flavours share: handlers, clients, packets in and out. Nothing waits."""

from __future__ import annotations

import functools
import inspect
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, overload

from .._core import forks
from .._core.failures import failed
from .._core.forms import check_minimum, choose_form
from .._core.handlers import (
    CATCH_ALL,
    F,
    HandlerTable,
    check_event_arguments,
    check_event_name,
    check_namespace,
    check_outgoing_name,
    name_of,
    refuse_coroutine_function,
)
from .._core.logs import choose_logger, escaped
from .._core.serializers import packet_class_for
from ..abc.runtime import Pending
from ..engine.base import BaseEngine
from ..engine.config import EngineConfig, refuse_unknown
from ..engine.http import BAD_REQUEST, HTTPError
from ..engine.session import Consumer, Reason, Session
from ..engine.slow_clients import FlowCounts
from ..exceptions import ProtocolError
from ..plugins import PluginRegistry, get_registry
from ..plugins.types import Flavour
from ..protocol.decoded_size import decoded_size
from ..protocol.engine import MESSAGE, EnginePacket
from ..protocol.packets import (
    ACKS,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENTS,
    RESERVED_EVENTS,
    Decoder,
    Packet,
    encode_messages,
)
from .base_manager import BaseManager
from .membership import CONNECTED, LEAVING, PENDING, Membership, Memberships
from .observers import Observers, size_of
from .views import EnvironsView

LIFE_CYCLE = {"connect": 3, "disconnect": 2}
"""The events that no client sends, and how many arguments they have."""

OWN_ARGUMENTS = frozenset(
    (
        "always_connect",
        "async_handlers",
        "client_manager",
        "engineio_logger",
        "json",
        "logger",
        "namespaces",
        "plugins",
        "serializer",
    )
)
"""Arguments of servers that are no options of the engine."""


class BaseServer(Consumer):
    """The part of a Socket.IO server that does not wait."""

    reason = Reason
    reserved_events = ["connect", "disconnect"]  # noqa: RUF012  # public name of the API
    not_handled = object()
    """What `_trigger_event` returns of an event that has no handler."""
    flavour: Flavour
    eio: BaseEngine
    manager: BaseManager

    def __init__(
        self,
        client_manager: Any = None,
        logger: logging.Logger | bool = False,
        serializer: str | type[Packet] = "default",
        json: Any = None,
        async_handlers: bool = True,
        always_connect: bool = False,
        namespaces: list[str] | tuple[str, ...] | str | None = None,
        plugins: Iterable[object] = (),
        engineio_logger: logging.Logger | bool = False,
        **options: Any,
    ) -> None:
        what = f"{type(self).__name__}()"
        known = EngineConfig.names() - {"async_handlers"}
        if client_manager is not None or options.get("message_queue", "") is None:
            # Flask-SocketIO hands its own option on, after it has made a manager of it.
            options.pop("message_queue", None)
        unknown = [name for name in options if name not in known]
        refuse_unknown(what, unknown, known | OWN_ARGUMENTS)
        self.logger = choose_logger(logger, "socketio.server")
        # Asked once: a question for every event would cost more than the event's lookup.
        self._logs_events = self.logger.isEnabledFor(logging.INFO)
        self.registry: PluginRegistry = get_registry(tuple(plugins))
        self.table = HandlerTable(frozenset(LIFE_CYCLE))
        self.async_handlers = async_handlers
        self.always_connect = always_connect
        self.namespaces = _namespaces(namespaces)
        self.packet_class = packet_class_for(serializer, json, lambda: self.registry)
        self.observers = Observers(self.logger)
        """Who is told what happens on this server; see `ServerObserver`."""
        self._begin_anew()
        self.eio = self._create_engine(
            EngineConfig(**options), choose_logger(engineio_logger, "engineio.server")
        )
        self.eio.consumer = self
        self.pressed = self.eio.pressed
        """The engine sessions for which much waits; most often there are none."""
        self.manager = self._create_manager(client_manager)
        self.manager.set_server(self)
        self.manager.observers = self.observers
        self._emit_here = self._local_emit()
        self._dispatches = self._has_own_dispatch()
        forks.watch(self)
        self.registry.server_created(self)
        self.eio.complete()

    def _begin_anew(self) -> None:
        """Have no clients, and a manager that has not begun in this process."""
        self._ended: dict[str, Session] = {}
        """Engine sessions that have ended while handlers may still ask for them."""
        self.manager_initialized = False
        self._manager_begun = False

    def after_fork(self) -> None:
        """Serve nobody in a forked child until it is asked to; see `socketio._core.forks`."""
        forks.keep(self._ended)
        self._begin_anew()

    # -- construction ---------------------------------------------------------------------

    @abstractmethod
    def _create_engine(self, config: EngineConfig, logger: logging.Logger) -> BaseEngine:
        """Return the engine of the flavour, not started yet."""

    @abstractmethod
    def _local_emit(self) -> Callable[..., None] | None:
        """Return the manager's `emit_here` where its `emit` does nothing else."""

    @abstractmethod
    def _has_own_dispatch(self) -> bool:
        """Tell whether a program has put something in the place of `_trigger_event`."""

    @abstractmethod
    def _default_manager(self) -> BaseManager:
        """Return the manager of a server that is given none."""

    def _create_manager(self, client_manager: Any) -> Any:
        if client_manager is None:
            return self._default_manager()
        if isinstance(client_manager, str):
            entry = self.registry.client_manager(client_manager, self.flavour)
            manager_class: Any = self.registry.load_class(entry, BaseManager, self.flavour)
            return manager_class(client_manager)
        if not isinstance(client_manager, BaseManager):
            raise TypeError(
                "client_manager= needs a URL such as 'redis://localhost:6379' or a manager such as "
                f"socketio.RedisManager(), got {client_manager!r}"
            )
        manager: Any = client_manager  # the methods that differ are its subclasses'
        if inspect.iscoroutinefunction(manager.emit) != (self.flavour == "async"):
            raise TypeError(
                f"{type(client_manager).__name__} is no client manager for {type(self).__name__}: "
                "AsyncServer needs one whose name begins with Async, Server one of the others"
            )
        return manager

    @property
    def runtime(self) -> Any:
        """What runs handlers and background tasks."""
        return self.eio.runtime

    @property
    def async_mode(self) -> str:
        """The name of the async mode; it follows from how the server is attached or wrapped."""
        return self.eio.async_mode

    def is_asyncio_based(self) -> bool:
        """Tell whether this server runs in an event loop."""
        return self.flavour == "async"

    @property
    def handlers(self) -> MutableMapping[str, MutableMapping[Any, Callable[..., Any]]]:
        """The registered functions by namespace and event; what is changed in it holds at once."""
        return self.table.functions

    @property
    def namespace_handlers(self) -> dict[str, Any]:
        """The registered class-based namespaces by name."""
        return self.table.classes

    def attach(self, app: Any, socketio_path: str = "socket.io", **options: Any) -> Any:
        """Make an application serve this server.

        Args:
            app: An application of any framework that an installed attachment knows.
            socketio_path: The path of the endpoint.
            **options: What the framework's attachment needs besides.

        Returns:
            The application to serve: the same object where the framework allows it, else one
            that wraps it.

        Raises:
            PluginError: No attachment knows this application; the message names those there are.
        """
        return self.eio.attach_for(self, app, socketio_path, **options)

    def run_handlers_in(self, context: Callable[[], AbstractContextManager[Any]]) -> None:
        """Have every handler of a synchronous server run in a context of its application's.

        Meant for attachments: a framework may promise its users such a context wherever their code
        runs. What the context raises at its beginning is logged, and the handler runs without it.

        Args:
            context: Makes the context, anew for each run of a handler.

        Raises:
            TypeError: This server's handlers are coroutines, which share their thread.
        """
        if self.flavour != "sync":
            raise TypeError("only the handlers of a synchronous server run in such a context")
        run_in = functools.partial(self._run_in, context)
        for name in ("_run_event", "_run_connect", "_run_disconnect", "_run_ack"):
            setattr(self, name, functools.partial(run_in, getattr(self, name)))

    def _run_in(
        self,
        context: Callable[[], AbstractContextManager[Any]],
        function: Callable[..., Any],
        *args: Any,
    ) -> Any:
        with ExitStack() as stack:
            try:
                stack.enter_context(context())
            except BaseException as error:
                failed(error, self.logger, "the context %r of handlers failed", context)
            return function(*args)

    # -- handlers -------------------------------------------------------------------------

    @overload
    def on(
        self, event: str, handler: None = None, namespace: str | None = None
    ) -> Callable[[F], F]: ...

    @overload
    def on(self, event: str, handler: Callable[..., Any], namespace: str | None = None) -> None: ...

    def on(
        self, event: str, handler: Callable[..., Any] | None = None, namespace: str | None = None
    ) -> Any:
        """Register an event handler, also as a decorator.

        Args:
            event: The event's name, or `*` for all that have no handler.
            handler: `connect(sid, environ, auth)` or `connect(sid, environ)`,
                `disconnect(sid, reason)` or `disconnect(sid)`, and `(sid, *args)` for others. A
                catch-all event's name, and a catch-all namespace's, go before these.
            namespace: The namespace, or `*` for all that have no handler; None means `/`.

        Returns:
            None, or a decorator that returns the function when no handler is given.

        Raises:
            TypeError: The handler cannot take the event's arguments.
        """
        check_event_name(event)
        namespace = namespace or "/"

        def register(function: F) -> F:
            self._add_handler(namespace, event, function)
            return function

        if handler is None:
            return register
        register(handler)
        return None

    def _add_handler(self, namespace: str, event: str, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"the handler of {event!r} must be callable, got {function!r}")
        if self.flavour == "sync":
            refuse_coroutine_function(function, event, "socketio.AsyncServer")
        extra = 1 if namespace == CATCH_ALL else 0
        before = "namespace, " if extra else ""
        form = None
        if event == "connect":
            counts = (3 + extra, 2 + extra)
            form = choose_form(function, event, counts, f"{before}sid, environ[, auth]")
        elif event == "disconnect":
            counts = (2 + extra, 1 + extra)
            form = choose_form(function, event, counts, f"{before}sid[, reason]")
        elif event == CATCH_ALL:
            check_minimum(function, event, 2 + extra, f"event, {before}sid, *args")
        else:
            check_minimum(function, event, 1 + extra, f"{before}sid, *args")
        self.table.add(namespace, event, function, form)

    @overload
    def event(self, function: F, /) -> F: ...

    @overload
    def event(self, *, namespace: str | None = None) -> Callable[[F], F]: ...

    def event(self, *args: Any, **kwargs: Any) -> Any:
        """Register a function under its own name: `@sio.event` or `@sio.event(namespace=…)`.

        Raises:
            TypeError: The handler cannot take the event's arguments.
        """
        if len(args) == 1 and not kwargs and callable(args[0]):
            return self.on(name_of(args[0]))(args[0])
        check_event_arguments(args)

        def register(function: F) -> F:
            decorator: Callable[[F], F] = self.on(name_of(function), *args, **kwargs)
            return decorator(function)

        return register

    def _register_namespace(self, handler: Any, base: type, other: str) -> None:
        if not issubclass(type(handler), base):
            raise ValueError(f"Not a namespace instance: {handler!r} is no {base.__name__}")
        if handler.is_asyncio_based() != (self.flavour == "async"):
            raise ValueError(f"Not a valid namespace class for this server: use {other}")
        handler._set_server(self)
        self.table.add_class(handler.namespace, handler)

    # -- what is known of clients ---------------------------------------------------------

    def rooms(self, sid: str, namespace: str | None = None) -> list[Any]:
        """Return the rooms of a client, its own included.

        Args:
            sid: The client.
            namespace: Its namespace; None means `/`.
        """
        return self.manager.get_rooms(sid, namespace or "/")

    def transport(self, sid: str, namespace: str | None = None) -> str:
        """Return the name of the transport that carries a client now.

        Raises:
            KeyError: The client is not connected to this process.
        """
        return self._member(sid, namespace).session.transport_name

    @property
    def environ(self) -> MutableMapping[str, dict[str, Any]]:
        """The request of each engine session, by its id."""
        return EnvironsView(self)

    def get_environ(self, sid: str, namespace: str | None = None) -> dict[str, Any] | None:
        """Return the request with which a client connected, or None for an unknown client."""
        member = self.manager.table.member(namespace or "/", sid)
        return None if member is None else member.session.environ

    def find_session(self, eio_sid: str) -> Session | None:
        """Return an engine session that is open, or that handlers may still ask for, or None."""
        session = self.eio.sessions.get(eio_sid) or self._ended.get(eio_sid)
        return session if session is not None and session.client is not None else None

    def live_sessions(self) -> list[Session]:
        """Return the engine sessions that `find_session` finds."""
        sessions = [*list(self.eio.sessions.values()), *list(self._ended.values())]
        return [session for session in sessions if session.client is not None]

    def _member(self, sid: str, namespace: str | None) -> Membership:
        """Return a client.

        Raises:
            KeyError: The client is not connected to this process.
        """
        member = self.manager.table.member(namespace or "/", sid)
        if member is None:
            raise KeyError("Session not found")
        return member

    # -- sending --------------------------------------------------------------------------

    def encode(
        self, packet_type: int, data: Any, namespace: str | None, id: int | None = None
    ) -> list[EnginePacket]:
        """Return the engine packets of a Socket.IO packet, to be sent in this order.

        Raises:
            TypeError: The data holds a value that cannot be sent.
            ValueError: The data holds NaN or an infinity.
        """
        messages = encode_messages(self.packet_class(packet_type, data, namespace, id))
        return [EnginePacket(MESSAGE, message) for message in messages]

    def tell_sent(self, packets: list[EnginePacket], receivers: int) -> None:
        """Tell observers, of whom there are some, of packets that are about to be sent.

        Args:
            packets: The packets.
            receivers: To how many sessions each is sent.
        """
        size = sum(size_of(packet.data) for packet in packets)
        self.observers.tell("packets_sent", len(packets) * receivers, size * receivers)

    def _log_emit(self, event: str, to: Any, namespace: str | None) -> None:
        whom = "everyone" if to is None else escaped(to)  # a room's name may be a client's text
        self.logger.info("Emitting event %.100r to %s [%s]", event, whom, escaped(namespace or "/"))

    def _send_to(
        self,
        session: Session,
        packet_type: int,
        data: Any = None,
        namespace: str | None = None,
        id: int | None = None,
    ) -> None:
        """Send one packet to one engine session."""
        packets = self.encode(packet_type, data, namespace, id)
        if self.observers:
            self.tell_sent(packets, 1)
        session.send_all(packets)

    # -- engine events --------------------------------------------------------------------

    def ready(self) -> bool:
        """Tell whether clients may be sent here, for the readiness probe of a load balancer.

        They may from the start on, once the client manager is connected, until `shutdown` begins;
        also while a broker that was there is away, since clients are served then and what they
        emit is kept. They may not while the broker refuses us. Any thread may call this.
        """
        return self._manager_begun and not self.eio.stopping and self.manager.ready()

    def _begin_manager(self) -> None:
        """Let the manager begin, unless it has."""
        if not self._manager_begun:
            self.manager.initialize()
            self._manager_begun = True

    def _not_ready(self, error: Exception) -> HTTPError:
        """Return the answer for clients while the broker refuses us; the log says why."""
        self.logger.info("no client is accepted: %s", escaped(error))
        return HTTPError(BAD_REQUEST, "The server is not ready", 503)

    def _open(self, session: Session) -> None:
        """Note a new engine session, which has to join a namespace soon."""
        self._begin(session)
        self.eio.expect_join(session)

    def _begin(self, session: Session) -> None:
        """Note a new engine session."""
        runtime = self.runtime
        session.client = Memberships(
            Decoder(self.packet_class, session.config.max_http_buffer_size),
            runtime.create_lock(),
            runtime.create_lane() if self.async_handlers else runtime.create_series(),
        )
        if self.observers:
            self.observers.tell("session_opened", session)

    def session_upgraded(self, session: Session) -> None:
        """Note that another transport carries an engine session."""
        if self.observers:
            self.observers.tell("session_upgraded", session)

    def message(self, session: Session, data: str | bytes) -> None:
        """Take one message of a client.

        Raises:
            ProtocolError: It is no valid packet, or not one that the client may send now.
        """
        if self.observers:
            self.observers.tell("message_received", size_of(data))
        client: Memberships = session.client
        arguments = client.decoder.add_plain_event(data)
        if arguments is not None:
            pending = self._receive_event(client, "/", arguments, None)
            if pending is not None:
                session.hold(pending, decoded_size(data, arguments))
            return
        packet = client.decoder.add(data)
        if packet is not None:
            pending = self._receive_packet(session, client, packet)
            if pending is not None:
                if packet.attachment_count:
                    size = client.text_size + client.decoder.attachment_bytes
                else:
                    size = decoded_size(data, packet.data or ())
                session.hold(pending, size)
            return
        # Attachments are due: of a stranger none is waited for.
        if isinstance(data, str):
            client.text_size = decoded_size(data)
        waiting = client.decoder.waits_for_attachment
        if waiting is not None and client.joined(waiting.namespace or "/") is None:
            self._refuse_stranger(client, waiting.namespace or "/")

    def _receive_packet(
        self, session: Session, client: Memberships, packet: Packet
    ) -> Pending | None:
        """Take a packet; return the handler that it has started, if that has not ended."""
        packet_type = packet.packet_type
        namespace = packet.namespace or "/"
        if packet_type in EVENTS:
            return self._receive_event(client, namespace, packet.data, packet.id)
        if packet_type in ACKS:
            member = client.joined(namespace)
            if member is None:
                self._refuse_stranger(client, namespace)
            elif packet.id is not None:
                return self._receive_ack(member, packet.id, packet.data)
            return None
        if packet_type == CONNECT:
            return self._receive_connect(session, client, namespace, packet.data)
        if packet_type == DISCONNECT:
            member = client.joined(namespace)
            return None if member is None else self._leave(member, Reason.CLIENT_DISCONNECT)
        raise ProtocolError("a client may not send CONNECT_ERROR")

    def _receive_event(
        self, client: Memberships, namespace: str, arguments: list[Any], ack_id: int | None
    ) -> Pending | None:
        member = client.memberships.get(namespace)
        if member is None or member.state is not CONNECTED:
            self._refuse_stranger(client, namespace)
            return None
        return client.start(self._run_event, member, arguments, ack_id)

    def _refuse_stranger(self, client: Memberships, namespace: str) -> None:
        """Deal with a packet for a namespace that the client is not in.

        Raises:
            ProtocolError: The client breaks the protocol.
        """
        if client.is_stranger(namespace):
            raise ProtocolError(f"a packet for namespace {namespace!r}, which was not joined")

    @abstractmethod
    def _receive_ack(self, member: Membership, ack_id: int, data: list[Any]) -> Pending | None:
        """Take a client's answer to an event; return its callback, if that has not ended."""

    def _receive_connect(
        self, session: Session, client: Memberships, namespace: str, auth: Any
    ) -> Pending | None:
        if not self._serves(namespace):
            self._refuse(session, namespace, {"message": "Invalid namespace"})
            return None
        if self.manager.pre_connect(session.sid, namespace) is None:
            self._refuse(session, namespace, {"message": "Unable to connect"})
            return None
        return client.start_reserved(self._run_connect, client.memberships[namespace], auth)

    def _serves(self, namespace: str) -> bool:
        return namespace in self.table or self.namespaces == "*" or namespace in self.namespaces

    def _refuse(
        self, session: Session, namespace: str, data: Mapping[str, Any], sid: str | None = None
    ) -> None:
        self._send_to(session, CONNECT_ERROR, data, namespace)
        if self.observers:
            self.observers.tell("client_refused", namespace, sid, data)

    def _accept(self, member: Membership) -> None:
        """Make a client a connected one, then send what its connect handler sent to it."""
        session, namespace = member.session, member.namespace
        self.logger.info("%s is connected [%s]", member.sid, escaped(namespace))
        if self.observers:
            # Before the client knows: in threads its first event may be here before we go on.
            self.observers.tell("client_connected", namespace, member.sid)
        with member.client.lock:
            self.manager.connect(session.sid, namespace)
            if member.state is PENDING:
                # In threads a session that is just ending is found under its id by nobody, for a
                # moment. Whoever stayed pending would never leave.
                member.become(CONNECTED)
            self._send_to(session, CONNECT, {"sid": member.sid}, namespace)
            session.send_all(member.waiting or ())
            if member.state is CONNECTED:
                member.waiting = None
        self.eio.joined(session)
        if member.unwanted and not session.closed:
            # Another thread has asked for it after the handler's end.
            self._leave(member, Reason.SERVER_DISCONNECT, tell=True)

    def _reject(self, member: Membership) -> None:
        """Forget a client that its connect handler has refused."""
        self.logger.info("%s is refused [%s]", member.sid, escaped(member.namespace))
        if member.state is CONNECTED and self.observers:  # with `always_connect`
            self.observers.tell(
                "client_disconnected", member.namespace, member.sid, Reason.SERVER_DISCONNECT
            )
        self.manager.basic_disconnect(member.sid, member.namespace)
        self._forget_if_closed(member.session)

    def _leave(self, member: Membership, reason: str, tell: bool = False) -> Pending | None:
        """Take a client out of its namespace and start its disconnect handler, once.

        Args:
            member: The client.
            reason: One of `Reason`.
            tell: Whether the client does not know it yet.

        Returns:
            What `Runtime.start` returned, or None when there was nothing to leave.
        """
        client, namespace, sid = member.client, member.namespace, member.sid
        if member.state is PENDING:
            # The connect handler is running: it is told when it ends, unless it just has.
            with client.lock:
                if member.state is PENDING:
                    self.manager.pre_disconnect(sid, namespace)
                    return None
        if not member.become(LEAVING):
            return None
        self.logger.info("%s is disconnected: %s [%s]", sid, reason, escaped(namespace))
        try:
            self.manager.pre_disconnect(sid, namespace)
            if tell:
                # Only now: the client may join again at once.
                self._send_to(member.session, DISCONNECT, None, namespace)
            if self.observers:
                self.observers.tell("client_disconnected", namespace, sid, reason)
        finally:
            leaving = client.start_reserved(self._run_disconnect, member, reason)
        return leaving

    def has_clients(self) -> bool:
        """Tell whether there are clients; see `Consumer`."""
        return bool(self.manager.table.namespaces)

    def has_begun(self) -> bool:
        """Tell whether the client manager is at work; see `Consumer`."""
        return self._manager_begun

    @property
    def flow(self) -> FlowCounts:
        """What was counted of clients that are slower than what is sent to them."""
        return self.eio.flow

    def session_slow(self, session: Session, what: str, count: int) -> None:
        """Note what was done about a client that is too slow."""
        if self.observers:
            self.observers.tell("client_slow", session, what, count)

    def session_closed(self, session: Session, reason: str) -> None:
        """Leave every namespace of an engine session that has ended."""
        client: Memberships = session.client
        client.decoder.clear()
        with client.lock:
            if client.alive:
                self._ended[session.sid] = session
        for member in list(client.memberships.values()):
            self._leave(member, reason)
        self._forget_if_closed(session)
        if self.observers:
            self.observers.tell("session_closed", session, reason)

    def _forget_if_closed(self, session: Session) -> None:
        """Drop a session that has ended when nobody can ask for it any more."""
        client: Memberships = session.client
        with client.lock:
            if session.closed and not client.alive:
                self._ended.pop(session.sid, None)
                client.memberships.clear()

    def _handler_failed(
        self, session: Session, error: BaseException, message: str, *args: object
    ) -> None:
        """Report what a handler of a client has raised; see `failed`."""
        failed(error, self.logger, message, *args)

    @abstractmethod
    def _run_event(self, *args: Any) -> Any:
        """Run the handler of an event, and send its answer."""

    @abstractmethod
    def _run_connect(self, *args: Any) -> Any:
        """Run the connect handler, and accept or refuse the client."""

    @abstractmethod
    def _run_disconnect(self, *args: Any) -> Any:
        """Run the disconnect handler."""


def _namespaces(namespaces: list[str] | tuple[str, ...] | str | None) -> Any:
    if namespaces is None:
        return ["/"]
    if namespaces == "*":
        return "*"
    if isinstance(namespaces, str):
        raise TypeError(f"namespaces= needs a list of names or '*', got {namespaces!r}")
    return [check_namespace(namespace) for namespace in namespaces]


def check_outgoing_event(event: object) -> None:
    """Refuse to emit what no client would accept.

    Raises:
        ValueError: The name is reserved for the life cycle of connections.
        TypeError: The name is neither a string nor an integer.
    """
    if event in RESERVED_EVENTS:
        raise ValueError(f"cannot emit {event!r}: the name is reserved, clients refuse it")
    check_outgoing_name(event)
