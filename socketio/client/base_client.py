"""What the clients of both flavours share: registration, packets, and the state of a client.

Nothing here waits, which `AsyncClient` and `Client` add: the methods that handle packets start the
flavour's own methods through the runtime, in order.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeVar, overload

from .. import exceptions
from .._core.forms import Form, check_minimum, choose_form
from .._core.handlers import (
    CATCH_ALL,
    HandlerTable,
    check_event_arguments,
    check_event_name,
    check_namespace,
    check_outgoing_name,
    name_of,
    refuse_coroutine_function,
)
from .._core.logs import choose_logger, escaped
from .._core.pending_call import PendingCall
from .._core.serializers import packet_class_for
from ..abc.runtime import Runtime, Waiter
from ..engine.config import refuse_unknown
from ..plugins import get_registry
from ..protocol import packets
from ..protocol.engine_client import OLD_GENERATION
from ..protocol.packets import AckCounter, Decoder, Packet, encode_messages
from .client_state import (
    MAX_EARLY_EVENTS,
    MAX_EARLY_SIZE,
    TRANSITIONS,
    Attempt,
    Backoff,
    ClientState,
    EarlyEvent,
    Reconnection,
)
from .recovery import is_offset

H = TypeVar("H", bound=Callable[..., Any])

Listener = Callable[..., Any]

ENGINE_ARGUMENTS: Final = (
    "engineio_logger",
    "request_timeout",
    "http_session",
    "ssl_verify",
    "websocket_extra_options",
    "timestamp_requests",
)
"""Further arguments of a client, which are its engine's."""

NEVER_SENT: Final = packets.RESERVED_EVENTS | {"__disconnect_final"}
"""Events that belong to a connection's life cycle, so that no program may emit them."""

reconnecting_clients: list[BaseClient] = []
"""Clients that are reconnecting at the moment."""


class BaseClient(ABC):
    """What both flavours of the client share; see `Client` and `AsyncClient`."""

    class reason:  # noqa: N801  # the compatible API's name
        """Why a client was disconnected, as its disconnect handlers are told."""

        CLIENT_DISCONNECT: Final = "client disconnect"
        """`disconnect()` was called."""
        SERVER_DISCONNECT: Final = "server disconnect"
        """The server ended the namespace or the connection."""
        TRANSPORT_ERROR: Final = "transport error"
        """The connection was lost."""

    reserved_events: ClassVar[list[str]] = [
        "connect",
        "connect_error",
        "disconnect",
        "__disconnect_final",
    ]

    _ASYNC: ClassVar[bool]
    _runtime: Runtime

    def __init__(
        self,
        reconnection: bool = True,
        reconnection_attempts: int = 0,
        reconnection_delay: float = 1,
        reconnection_delay_max: float = 5,
        randomization_factor: float = 0.5,
        logger: Any = False,
        serializer: Any = "default",
        json: Any = None,
        handle_sigint: bool = True,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        unknown = [key for key in kwargs if key not in ENGINE_ARGUMENTS]
        if unknown:
            code = BaseClient.__init__.__code__
            known = (*code.co_varnames[1 : code.co_argcount], *ENGINE_ARGUMENTS)
            refuse_unknown(name, unknown, known)
        if not 0 <= randomization_factor <= 1:
            raise ValueError(
                f"randomization_factor= is a fraction of the delay, from 0 to 1, "
                f"not {randomization_factor!r}"
            )
        self.reconnection = reconnection
        self.reconnection_attempts = reconnection_attempts
        self.reconnection_delay = reconnection_delay
        self.reconnection_delay_max = reconnection_delay_max
        self.randomization_factor = randomization_factor
        self.handle_sigint = handle_sigint
        # Clients are made in running loops, where no plugin is to be read from disk for nothing.
        chosen = Packet if serializer == "default" else serializer
        self.packet_class: type[Packet] = packet_class_for(chosen, json, get_registry)
        self.logger: logging.Logger = choose_logger(logger, "socketio.client")

        self._table = HandlerTable(frozenset(self.reserved_events))
        self.handlers = self._table.functions
        self.namespace_handlers = self._table.classes

        self.connection_url: Any = None
        self.connection_headers: Any = None
        self.connection_auth: Any = None
        self.connection_transports: Any = None
        self.connection_namespaces: list[str] = []
        self.socketio_path = "socket.io"
        self._wait_timeout: float = 1

        self.namespaces: dict[str, str | None] = {}
        self.failed_namespaces: list[str] = []
        self.callbacks: dict[str, AckCounter] = {}
        self._recovering: set[str] = set()
        self._keeps_events = False  # whether a simple client does, until it is asked for them
        self._decoder = Decoder(self.packet_class)

        self._lock = threading.RLock()
        self._state = ClientState.DISCONNECTED
        self._attempt: Attempt | None = None
        self._reconnection: Reconnection | None = None
        self._disconnecting = 0
        self._end_waiters: list[Waiter] = []
        self._disconnected_waiters: list[Waiter] = []

        engine_arguments = dict(kwargs)
        engine_logger = engine_arguments.pop("engineio_logger", False)
        self._runtime, self.eio = self._create_engine(
            logger=choose_logger(engine_logger, "engineio.client"), **engine_arguments
        )
        # Handlers of one client begin in the order of what they are told of.
        self._lane = self._runtime.create_lane()

    @abstractmethod
    def _create_engine(self, logger: logging.Logger, **kwargs: Any) -> tuple[Runtime, Any]:
        """Return the runtime and the engine of the flavour."""

    # -- what the application asks ------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the client is connected to at least one namespace."""
        return self._state is ClientState.CONNECTED or bool(self.namespaces)

    @property
    def sid(self) -> str | None:
        """The id of the Engine.IO session; each namespace has its own, see `get_sid`."""
        return self.eio.sid  # type: ignore[no-any-return]  # the engine's base has no types

    def is_asyncio_based(self) -> bool:
        """Tell whether the methods of this client are coroutines."""
        return self._ASYNC

    def get_sid(self, namespace: str | None = None) -> str | None:
        """Return the id that the server gave this client in a namespace.

        Args:
            namespace: The namespace; None means `/`.

        Returns:
            The id, or None if the client is not connected there.
        """
        return self.namespaces.get(namespace or "/")

    def transport(self) -> str | None:
        """Return the name of the transport in use, `polling` or `websocket`."""
        return self.eio.transport()  # type: ignore[no-any-return]  # the engine's base has no types

    # -- registration -------------------------------------------------------------------------

    @overload
    def on(
        self, event: str, handler: None = None, namespace: str | None = None
    ) -> Callable[[H], H]: ...

    @overload
    def on(self, event: str, handler: Listener, namespace: str | None = None) -> None: ...

    def on(
        self, event: str, handler: Listener | None = None, namespace: str | None = None
    ) -> Callable[[H], H] | None:
        """Register the handler of an event.

        Args:
            event: The event's name, or `*` for all that have no handler of their own. `connect`,
                `connect_error(data)` and `disconnect(reason)` tell of the connection.
            handler: The function; without it, the method returns a decorator.
            namespace: The namespace; None means `/`, `*` all that have no handler of their own.

        Returns:
            The decorator, or None if a handler was given.

        Raises:
            TypeError: The handler cannot take the arguments of the event.
        """
        check_event_name(event)
        if handler is not None:
            self._add_handler(event, handler, namespace or "/")
            return None

        def decorate(function: H) -> H:
            self._add_handler(event, function, namespace or "/")
            return function

        return decorate

    @overload
    def event(self, function: H, /) -> H: ...

    @overload
    def event(self, *, namespace: str | None = None) -> Callable[[H], H]: ...

    def event(self, *args: Any, **kwargs: Any) -> Any:
        """Register a function as the handler of the event of its name.

        It is a decorator, used as `@sio.event` or `@sio.event(namespace='/chat')`.
        """
        if len(args) == 1 and not kwargs and callable(args[0]):
            self.on(name_of(args[0]), args[0])
            return args[0]
        check_event_arguments(args)

        def decorate(function: H) -> H:
            self.on(name_of(function), function, *args, **kwargs)
            return function

        return decorate

    def register_namespace(self, namespace_handler: Any) -> None:
        """Register an object whose methods are the handlers of a namespace.

        Args:
            namespace_handler: A `ClientNamespace`, or an `AsyncClientNamespace` for the asyncio
                client.

        Raises:
            ValueError: It is something else, or of the other flavour.
            TypeError: A method cannot take the arguments of its event.
        """
        if not hasattr(namespace_handler, "_set_client"):
            raise ValueError("Not a namespace instance")
        if namespace_handler.is_asyncio_based() != self._ASYNC:
            raise ValueError("Not a valid namespace class for this client")
        namespace_handler._set_client(self)
        self._table.add_class(namespace_handler.namespace, namespace_handler)

    def _add_handler(self, event: str, function: Listener, namespace: str) -> None:
        form = self._check_handler(event, function, namespace)
        self._table.add(namespace, event, function, form)

    def _check_handler(self, event: str, function: Listener, namespace: str) -> Form | None:
        """Refuse a function that cannot be a handler; return its form if there are several.

        Raises:
            TypeError: It cannot.
        """
        if not callable(function):
            raise TypeError(f"the handler of {event!r} must be a function, not {function!r}")
        if not self._ASYNC:
            refuse_coroutine_function(function, event, "socketio.AsyncClient")
        before = 1 if namespace == CATCH_ALL else 0
        names = "namespace, " if before else ""
        if event in ("connect", "__disconnect_final"):
            return choose_form(function, event, (before,), names.rstrip(", "))
        if event in ("connect_error", "disconnect"):
            what = "data" if event == "connect_error" else "reason"
            return choose_form(function, event, (before + 1, before), names + what)
        if event == CATCH_ALL:
            check_minimum(function, event, before + 1, f"event, {names}*args")
        else:
            check_minimum(function, event, before, f"{names}*args")
        return None

    # -- sending ------------------------------------------------------------------------------

    def _event_messages(
        self, event: str, data: Any, namespace: str | None, callback: Any
    ) -> tuple[list[str | bytes], int | None]:
        """Return the messages of an event, and the id under which its ack is awaited."""
        namespace = namespace or "/"
        check_outgoing_name(event)
        if event in NEVER_SENT:
            raise ValueError(
                f"{event!r} is the name of a connection's own event and cannot be emitted; "
                "choose another name"
            )
        if namespace not in self.namespaces:
            raise exceptions.BadNamespaceError(f"{namespace} is not a connected namespace.")
        if self.logger.isEnabledFor(logging.INFO):
            self.logger.info("Emitting event %.100r [%s]", event, escaped(namespace))
        ack_id = None
        if callback is not None:
            with self._lock:
                ack_id = self.callbacks.setdefault(namespace, AckCounter()).add(callback)
        try:
            packet = self.packet_class(
                packets.EVENT, [event, *packets.arguments_of(data)], namespace=namespace, id=ack_id
            )
            return encode_messages(packet), ack_id
        except BaseException:
            self._forget_ack(namespace, ack_id)
            raise

    def _forget_ack(self, namespace: str | None, ack_id: int | None) -> None:
        """Stop waiting for an ack."""
        if ack_id is not None:
            self._take_callback(namespace or "/", ack_id)

    def _take_callback(self, namespace: str, ack_id: int) -> Any:
        with self._lock:
            acks = self.callbacks.get(namespace)
            return None if acks is None else acks.pop(ack_id)

    def _packet_messages(
        self, packet_type: int, namespace: str, data: Any = None, id: int | None = None
    ) -> list[str | bytes]:
        return encode_messages(self.packet_class(packet_type, data, namespace=namespace, id=id))

    # -- receiving ----------------------------------------------------------------------------

    def _engine_message(self, message: str | bytes) -> None:
        """Handle one message of the server, in order; it must not wait.

        Raises:
            ProtocolError: The message is no packet; the engine ends the connection.
        """
        try:
            packet = self._decoder.add(message)
        except exceptions.ProtocolError:
            raise
        except Exception as error:  # a serializer of the application's may raise anything
            raise exceptions.ProtocolError(f"the serializer failed: {error!r}") from error
        if packet is None:
            return
        namespace = packet.namespace or "/"
        packet_type = packet.packet_type
        if packet_type in packets.EVENTS:
            self._receive_event(namespace, packet.id, packet.data)
        elif packet_type in packets.ACKS:
            self._receive_ack(namespace, packet.id, packet.data)
        elif packet_type == packets.CONNECT:
            self._receive_connect(namespace, packet.data)
        elif packet_type == packets.DISCONNECT:
            self._receive_disconnect(namespace)
        else:
            self._receive_refusal(namespace, packet.data)

    def _receive_event(self, namespace: str, ack_id: int | None, data: list[Any]) -> None:
        if namespace not in self.namespaces:
            self._receive_early(EarlyEvent(namespace, ack_id, data))
            return
        event, arguments = data[0], data[1:]
        if self.logger.isEnabledFor(logging.INFO):
            self.logger.info("Received event %.100r [%s]", event, escaped(namespace))
        if (
            namespace in self._recovering
            and ack_id is None
            and arguments
            and is_offset(arguments[-1], time.time())
        ):
            arguments.pop()
        pending = self._lane.start(self._run_event, namespace, ack_id, event, arguments)
        if self._keeps_events:
            self.eio.inbox.keep(self._decoder.size)
        elif pending is not None:
            self.eio.inbox.hold(pending, self._decoder.size)

    def _awaits_server(self) -> bool:
        """Tell whether somebody waits for an answer of the server."""
        attempt = self._attempt
        if attempt is not None and not attempt.answered:
            return True
        return any(list(self.callbacks.values()))  # an empty counter has no length

    def _receive_early(self, event: EarlyEvent) -> None:
        """Keep an event that comes before the answer to CONNECT, if one is still to come.

        Servers that greet in their connect handler may send so.
        """
        with self._lock:  # whoever ends the connection forgets what is kept
            attempt = self._attempt
            if attempt is None or not attempt.expects(event.namespace):
                self.logger.debug(
                    "Event of %s ignored: not connected there", escaped(event.namespace)
                )
                return
            early = attempt.early
            if not early.keep(event, self._decoder.size) and early.dropped == 1:
                self.logger.warning(
                    "The server sends more than %d events or %d bytes before it answers CONNECT; "
                    "what comes from now on until it does is dropped",
                    *(MAX_EARLY_EVENTS, MAX_EARLY_SIZE),
                )

    def _receive_ack(self, namespace: str, ack_id: int | None, data: list[Any]) -> None:
        callback = None if ack_id is None else self._take_callback(namespace, ack_id)
        if callback is None:
            self.logger.debug("Unknown ack %r of %s ignored", ack_id, escaped(namespace))
        elif isinstance(callback, PendingCall):
            callback.waiter.set(data)
        else:
            self._lane.start_reserved(self._run_callback, callback, data)

    def _receive_connect(self, namespace: str, data: Any) -> None:
        attempt = self._attempt
        if not isinstance(data, dict) or "sid" not in data:
            if attempt is not None:
                attempt.fail(OLD_GENERATION)
            raise exceptions.ProtocolError(OLD_GENERATION)
        if namespace in self.namespaces or namespace not in self.connection_namespaces:
            self.logger.debug("CONNECT for %s ignored: nobody asked for it", escaped(namespace))
            return
        self.logger.info("Namespace %s is connected", escaped(namespace))
        self.namespaces[namespace] = data["sid"]
        if "pid" in data:
            self._recovering.add(namespace)
        early: list[EarlyEvent] = []
        if attempt is not None:
            with self._lock:
                attempt.running_handlers += 1
                early = attempt.early.take(namespace)
        self._lane.start_reserved(self._run_connect, attempt, namespace)
        for event in early:  # after the connect handler, and before what comes from now on
            self._receive_event(event.namespace, event.ack_id, event.data)
        if attempt is not None:
            with self._lock:
                # Only now: with the last answer `connect()` may give the connection up at once.
                attempt.accepted.add(namespace)
            attempt.changed()

    def _receive_disconnect(self, namespace: str) -> None:
        with self._lock:
            if namespace not in self.namespaces:
                return  # or no more: `disconnect()`, in another thread, was faster
            del self.namespaces[namespace]
            self._recovering.discard(namespace)
            attempt = self._attempt
            more_to_come = attempt is not None and not attempt.answered
            last = not self.namespaces and not more_to_come
            if last:
                self._move(ClientState.DISCONNECTING)
            self._disconnecting += 1
        self._fail_acks(namespace)
        self._lane.start_reserved(
            self._run_disconnect, namespace, self.reason.SERVER_DISCONNECT, True
        )
        if last:
            self._runtime.start(self._close_engine)

    def _receive_refusal(self, namespace: str, data: Any) -> None:
        self.logger.info(
            "Connection to namespace %s was refused: %s", escaped(namespace), escaped(data)
        )
        attempt = self._attempt
        if attempt is not None and namespace in attempt.namespaces:
            with self._lock:
                attempt.running_handlers += 1
                attempt.refused[namespace] = data
                attempt.early.take(namespace)
                self.failed_namespaces.append(namespace)
            self._lane.start_reserved(self._run_refusal, attempt, namespace, data)
        else:
            self._lane.start_reserved(self._run_connect_error, namespace, data)
        if attempt is not None:
            attempt.changed()
            useless = attempt.answered and not attempt.awaited and not self.namespaces
            if useless and self._move(ClientState.DISCONNECTING):
                # Nobody waits for the answers, and all were refusals.
                self._runtime.start(self._close_engine)

    def _fail_acks(self, namespace: str) -> None:
        """End what waits for acks of a namespace that is gone."""
        with self._lock:
            acks = self.callbacks.pop(namespace, None)
        for callback in acks.clear() if acks is not None else ():
            if isinstance(callback, PendingCall):
                callback.waiter.fail(
                    AnswerLostError(f"the connection to {namespace} ended before the answer came")
                )

    # -- the flavour's own methods, which may wait ---------------------------------------------

    _run_event: Listener
    _run_callback: Listener
    _run_connect: Listener
    _run_refusal: Listener
    _run_connect_error: Listener
    _run_disconnect: Listener
    _close_engine: Listener
    _reconnect: Listener

    # -- state --------------------------------------------------------------------------------

    def _move(self, state: ClientState, *expected: ClientState) -> bool:
        """Change to a state that may follow the present one.

        Args:
            state: The new state.
            *expected: Where the client must be for it; none: wherever it may follow.

        Returns:
            Whether it did.
        """
        with self._lock:
            if expected and self._state not in expected:
                return False
            if state not in TRANSITIONS[self._state]:
                return False
            self.logger.debug("%s -> %s", self._state.value, state.value)
            self._state = state
            if state is ClientState.DISCONNECTED:
                waiters, self._disconnected_waiters = self._disconnected_waiters, []
                for waiter in waiters:
                    waiter.set(None)
                self._tell_ended()
            return True

    def _tell_ended(self) -> None:
        with self._lock:
            if self._ended:
                waiters, self._end_waiters = self._end_waiters, []
                for waiter in waiters:
                    waiter.set(None)
                self._idle()

    def _idle(self) -> None:  # noqa: B027  # only one flavour has something to let go of
        """Let go of what is only needed while there is a connection."""

    @property
    def _ended(self) -> bool:
        """Whether the connection, its reconnection and its disconnect handlers have ended."""
        return self._state is ClientState.DISCONNECTED and self._disconnecting == 0

    def _disconnect_handled(self) -> None:
        with self._lock:
            self._disconnecting -= 1
            self._tell_ended()

    def _engine_closed(self, reason: str) -> None:
        """Handle the end of the engine's session; it must not wait."""
        with self._lock:
            namespaces, self.namespaces = self.namespaces, {}
            self._recovering.clear()
            self._decoder = Decoder(self.packet_class)
            lost = reason != self.reason.CLIENT_DISCONNECT and self.reconnection
            reconnect = lost and self._move(ClientState.RECONNECTING, ClientState.CONNECTED)
            reconnection = self._plan_reconnection() if reconnect else None
            # A reconnection that was accepted a moment ago goes on, and tells its end itself.
            final = self._state is not ClientState.RECONNECTING
            self._disconnecting += len(namespaces)
            if self._attempt is not None:
                # Together with the state, or the attempt would take the connection for its own.
                self._attempt.fail(f"the connection ended before the server had answered: {reason}")
        self.logger.info("Engine.IO connection ended: %s", reason)
        for namespace in list(self.callbacks):
            self._fail_acks(namespace)
        for namespace in namespaces:
            self._lane.start_reserved(self._run_disconnect, namespace, reason, final)
        if reconnection is not None:
            self._start_reconnection(reconnection)
        else:
            self._move(ClientState.DISCONNECTED, ClientState.CONNECTED, ClientState.DISCONNECTING)

    def _plan_reconnection(self) -> Reconnection:
        """Note, together with the change of state, that a reconnection will be started."""
        self._reconnection = Reconnection(abort=self._runtime.create_waiter())
        reconnecting_clients.append(self)
        return self._reconnection

    def _start_reconnection(self, reconnection: Reconnection) -> None:
        with self._lock:
            if not reconnection.aborted:
                reconnection.task = self._runtime.start_own_task(self._reconnect, reconnection)

    def _reconnection_ended(self, reconnection: Reconnection) -> None:
        with self._lock:
            if self._reconnection is reconnection:
                self._reconnection = None
            if self in reconnecting_clients:
                reconnecting_clients.remove(self)

    def _backoff(self) -> Backoff:
        return Backoff(
            self.reconnection_delay,
            self.reconnection_delay_max,
            self.randomization_factor,
            self.reconnection_attempts,
        )

    def _remember_connection(
        self,
        url: Any,
        headers: Any,
        auth: Any,
        transports: Any,
        namespaces: str | list[str] | tuple[str, ...] | None,
        socketio_path: str,
        wait_timeout: float,
    ) -> None:
        """Keep the arguments of `connect()` for reconnections."""
        if namespaces is None:
            namespaces = self._table.names() or ["/"]
        elif isinstance(namespaces, str):
            namespaces = [namespaces]
        if not namespaces:
            raise ValueError("namespaces=[] leaves nothing to connect to: name at least one")
        self.connection_url = url
        self.connection_headers = headers if callable(headers) else dict(headers or {})
        self.connection_auth = auth
        self.connection_transports = transports
        self.connection_namespaces = [*dict.fromkeys(map(check_namespace, namespaces))]
        self.socketio_path = socketio_path
        self._wait_timeout = wait_timeout

    def _begin_attempt(self, awaited: bool) -> Attempt:
        with self._lock:
            self.namespaces = {}
            self.failed_namespaces = []
            self._recovering.clear()
            self._decoder = Decoder(self.packet_class)
            self._attempt = Attempt(self.connection_namespaces, awaited)
            return self._attempt

    def _handled(self, attempt: Attempt | None) -> None:
        """Note that a handler that an attempt waits for has ended."""
        if attempt is not None:
            with self._lock:
                attempt.running_handlers -= 1
            attempt.changed()

    def _established(self, attempt: Attempt, state: ClientState) -> bool:
        """Begin to use a connection that was opened in a state.

        Returns:
            False if it was lost in the meantime and somebody should care.
        """
        with self._lock:
            if attempt.failure is not None and self._state is state:
                return False
            # In another state the connection has been ended on purpose already.
            self._move(ClientState.CONNECTED, state)
            return True


class AnswerLostError(exceptions.DisconnectedError, exceptions.TimeoutError):
    """A connection ended before the answer to a `call()` came.

    It is both: programs written for python-socketio, which waits in vain, expect a timeout.
    """


class NotSentError(exceptions.DisconnectedError, exceptions.BadNamespaceError):
    """A connection ended before what was emitted had left.

    It is both: a moment later an emit would have found no connected namespace.
    """


def values(arguments: list[Any]) -> Any:
    """Return what `call()` does: nothing, the only value, or all as a tuple."""
    if not arguments:
        return None
    return arguments[0] if len(arguments) == 1 else tuple(arguments)


def error_data(error: Exception) -> tuple[str, Any]:
    """Return the text of a failed connection, and what its handlers are told."""
    message = str(error.args[0]) if error.args else str(error)
    answer = error.args[1] if len(error.args) > 1 else None
    return message, message if answer is None else answer
