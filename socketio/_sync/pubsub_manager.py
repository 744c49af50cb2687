# Generated from socketio/_async/pubsub_manager.py by tools/unasync.py, do not edit.
"""The base class of client managers that make several processes behave as one.

A server has one in place of the in-memory manager; a process without a server has one to emit to
the clients of others. What it does here it also tells the other processes through a message
broker; a subclass only says how to reach that broker.
"""

from __future__ import annotations

import copy
import itertools
import logging
import threading
import time
import uuid
import weakref
from collections.abc import Hashable, Iterator
from typing import Any, Self

from .._core import forks
from .._core.failures import failed
from .._core.logs import escaped
from ..abc.driver import BusDriver
from ..abc.runtime import Runtime
from ..bus import messages as bus
from ..bus.broker_url import without_password
from ..bus.duplicates import DuplicateFilter
from ..bus.health import ManagerHealth
from ..bus.outbox import Outbox
from ..bus.remote_acks import RemoteAcks
from ..bus.signature import Signer
from ..exceptions import ConnectionError
from ..protocol.json_codec import JSONCodec, codec_for, default_codec
from ..runtimes import synchronous as flavour
from ..server.observers import Observers
from ..server.rooms import Room, RoomTable, as_set, without
from .broker_link import BrokerLink, LinkReceiver, LinkTimes
from .driver_bus import DriverBus, create_link, presence_times
from .emitter import Emitter, acquire
from .listener_bus import ListenerBus
from .manager import Manager


class PubSubManager(Manager):
    """Shares the clients of several processes through a message broker.

    In a process that serves no clients, `emit` and the other methods return when the broker has
    taken the message, or is known to be away, and may be called from any thread and event loop.
    The connection is closed by `close`, at the end of a `with` block, when the last manager for it
    is gone, and when the process ends. In a forked child the manager begins anew, under another
    `host_id` and with connections of its own.

    A subclass supplies one of the two:

    * `create_driver`, which returns a `socketio.abc.driver.BusDriver`: connecting again, timeouts,
      the outbox and `health` are then this class's;
    * `_publish(data)`, which sends a message (a dict) to all processes, and `_listen()`, which
      yields the messages (dict, str or bytes) that processes have sent.

    Args:
        channel: The name of the channel; the same in all processes that belong together.
        write_only: Only emit, receive nothing: for processes without a server.
        logger: Where changes are logged; None: the server's logger.
        json: A JSON module for the messages; None: the server's.
        secret: Signs every message (HMAC-SHA256), and has those ignored that are not signed with
            it; the same in all processes that belong together. None: nothing is signed. It needs
            a manager with a driver.

    Raises:
        ValueError: The secret is empty, or this manager cannot sign.
    """

    name: str = f"{flavour.PREFIX}pubsub"
    """What the manager is called in the log."""

    timeout: float = 5.0
    """Seconds that connecting and publishing may take, after which the connection is given up."""

    probe_interval: float = 10.0
    """Seconds between two messages that show whether the way through the broker is open."""

    probe_timeout: float = 5.0
    """Seconds without any message after such a one until the connection counts as dead."""

    reconnect_delay: float = 0.2
    """Seconds before the second attempt to connect; they double with each further one."""

    reconnect_delay_max: float = 5.0
    """Seconds between two attempts to connect, at most."""

    others_timeout: float = 10.0
    """Seconds that what was kept waits, at most, for the processes that were there before."""

    outbox_messages: int = 10_000
    """How many messages are kept while the broker is away."""

    outbox_bytes: int = 64 << 20
    """How many bytes are kept while the broker is away."""

    def __init__(
        self,
        channel: str = "socketio",
        write_only: bool = False,
        logger: logging.Logger | None = None,
        json: Any = None,
        *,
        secret: str | bytes | None = None,
    ) -> None:
        super().__init__()
        self.channel = channel
        self.write_only = write_only
        self.logger = logger
        self.json: Any = json
        self.codec: JSONCodec = codec_for(json)
        self._json_given = json is not None
        if json is None:
            self.json = _standard_json()
        self._closed = False
        self._since = time.time()
        self._begin_anew()
        self._signer: Signer | None = None
        self.secret = secret

    def _begin_anew(self) -> None:
        """Become somebody whom no other process knows yet."""
        self.host_id = uuid.uuid4().hex
        self.remote_acks = RemoteAcks()
        self._numbers = itertools.count()
        self._duplicate_filter = DuplicateFilter()
        self._own_runtime: Runtime | None = None
        self._home: Any = None
        """Where the server runs: its event loop."""
        self._received = 0
        self._malformed = 0
        self._duplicates = 0
        self._kinds_logged: set[str] = set()
        self._forget_process()

    def _forget_process(self) -> None:
        """Let go of the server and the bus; see `_maker`."""
        self._bus: DriverBus | ListenerBus | None = None
        """The way to the other processes while a server of this one listens."""
        self._emitter: Emitter | None = None
        """The way there of a process that only emits."""
        self._last: DriverBus | ListenerBus | Emitter | None = None
        """The way of which `health` tells."""
        self._abandoning: Any = None
        self._connecting = threading.Lock()

    def after_fork(self) -> None:
        """Be another one than in the parent process; see `socketio._core.forks`.

        A subclass that has something of its own that a child must not inherit extends this.
        """
        super().after_fork()
        if self._abandoning is not None:
            self._abandoning.detach()
        forks.keep((self._bus, self._emitter, self._last, self._own_runtime, self.remote_acks))
        self._begin_anew()

    # -- for subclasses -------------------------------------------------------------------

    def create_driver(self) -> BusDriver:
        """Return a new driver, not connected yet; called for every attempt to connect."""
        raise NotImplementedError(
            f"{type(self).__name__} has to supply create_driver(), or _publish() and _listen()"
        )

    def connection_key(self) -> Hashable | None:
        """Return what tells managers apart that cannot publish over the same connection.

        Managers of one class and one process whose keys are equal share a connection while they
        only emit. None, which is the default: this one shares it with nobody.
        """
        return None

    @property
    def broker_url(self) -> str:
        """Where the broker is, for messages; passwords are taken out of it."""
        return str(getattr(self, "url", ""))

    @property
    def secret(self) -> str | bytes | None:
        """What signs the messages; to be set before the server starts."""
        return self._secret

    @secret.setter
    def secret(self, secret: str | bytes | None) -> None:
        if secret is not None and not self._has_driver():
            raise ValueError(
                f"{type(self).__name__} cannot sign its messages: secret= needs a manager that "
                "supplies create_driver(), not _publish() and _listen()"
            )
        self._signer = None if secret is None else Signer(secret, self.channel)
        self._secret = secret

    def _publish(self, data: dict[str, Any]) -> Any:
        """Send a message to all processes.

        Args:
            data: The message; what `json` can express.
        """
        message = self._encode(data)
        if isinstance(self._bus, DriverBus):
            self._bus.publish(message)
        else:
            self._emitting().publish(message)

    def _listen(self) -> Iterator[Any]:
        """Yield the messages that processes have sent, our own included."""
        raise NotImplementedError(
            f"{type(self).__name__} has to supply create_driver(), or _publish() and _listen()"
        )
        yield  # makes it a generator

    # -- life -----------------------------------------------------------------------------

    def set_server(self, server: Any) -> None:
        """Tell the manager its server, whose JSON module it uses unless it was given one."""
        super().set_server(server)
        if not self._json_given:
            self.codec = getattr(server.packet_class, "json", default_codec)
            self.json = getattr(self.codec, "module", self.json)

    def initialize(self) -> None:
        """Begin to listen; called by the server once, before its first client.

        Raises:
            RuntimeError: The server runs greenlets and its sockets have not been patched.
        """
        super().initialize()
        flavour.require_monkey_patching(self.server.async_mode, type(self).__name__)
        self._closed = False
        self._home = flavour.home()
        if not self._has_driver():
            self._bus = self._last = ListenerBus(self)
        elif not self.write_only:
            self._abandon_emitter()
            self._bus = self._last = DriverBus(self)
        if self._bus is not None:
            self._bus.begin()

    def start(self) -> None:
        """Connect, and wait for the outcome of the first attempt.

        A broker that cannot be reached is no error: it may come later, and what is emitted
        meanwhile is kept. A broker that refuses us is asked again in the background; until it
        accepts us, this raises what it said last.

        Raises:
            ConnectionError: The broker refuses us: login, permission, missing topic; or the
                manager was shut down meanwhile.
        """
        if self.server is not None and self._closed:
            raise ConnectionError(f"{type(self).__name__} was shut down before it had started")
        if self._bus is not None:
            self._bus.start()
        elif self._has_driver():
            self._emitting().start()

    def shutdown(self) -> None:
        """Publish what waits, if the broker is there, and disconnect from it."""
        super().shutdown()
        self._closed = True
        bus_, self._bus = self._bus, None
        if self._emitter is not None:
            emitter, self._emitter = self._emitter, None
            self._abandoning.detach()
            emitter.leave()
        if bus_ is not None:
            bus_.close()
        self.remote_acks.clear()

    def close(self) -> None:
        """Disconnect from the broker, as the end of an `async with` block does: `shutdown`."""
        self.shutdown()

    def __enter__(self) -> Self:
        """Return the manager, which connects when it emits."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Disconnect from the broker; what was emitted has left, if it is there."""
        self.shutdown()

    def health(self) -> ManagerHealth:
        """Return how the connection to the broker is doing, and what was counted."""
        if self._last is not None:
            return self._last.health(self._received, self._malformed, self._duplicates)
        return ManagerHealth(state="idle", since=self._since, url=without_password(self.broker_url))

    def ready(self) -> bool:
        """Tell whether what is emitted now reaches the other processes: `ManagerHealth.ready`."""
        return self.health().ready

    # -- what servers and applications call -----------------------------------------------

    @flavour.at_home
    def emit(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: Room = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Room = None,
        **kwargs: Any,
    ) -> None:
        """Send an event to clients of all processes.

        Args:
            event: The event's name.
            data: Its arguments: a tuple for several, None for none.
            namespace: The namespace; None means `/`.
            room: A room, a list of rooms, or None for everyone in the namespace.
            skip_sid: A client, or an iterable of clients, to leave out.
            callback: Called with the values of each client's ack.
            to: Another name of `room`.
            **kwargs: `ignore_queue=True` reaches the clients of this process only.

        Raises:
            RuntimeError: A callback without a server.
            ValueError: A callback without a room.
            ConnectionError: The broker refused us when we connected.
        """
        namespace = namespace or "/"
        room = _plain_room(room if to is None else to)
        if kwargs.get("ignore_queue"):
            super().emit(event, data, namespace, room, skip_sid, callback)
            return
        if callback is not None:
            if self.server is None:
                raise RuntimeError("Callbacks can only be issued from the context of a server.")
            if room is None:
                raise ValueError("Cannot use callback without a room set.")
        if room is not None and room != 0 and not room:
            return  # an empty name or list is nobody
        if self._is_local(namespace, room):
            super().emit(event, data, namespace, room, skip_sid, callback)
            return
        skipped = sorted(as_set(skip_sid))
        # A callback would hear that nobody is reached, but others may reach somebody.
        if self.server is not None and (
            callback is None or without(self.table.in_room(namespace, room), skipped)
        ):
            super().emit(event, data, namespace, room, skipped, callback)
        awaited = None
        if callback is not None:
            ack_id = self.remote_acks.add(callback, room, namespace, time.monotonic())
            awaited = (room, namespace, ack_id)
        skip = skipped if len(skipped) > 1 else skipped[0] if skipped else None
        self._send(bus.emit_message(self.host_id, event, data, namespace, room, skip, awaited))

    def forget_callback(self, callback: Any, namespace: str, room: Room) -> None:
        """Wait no more for answers to an event; see `BaseManager.forget_callback`."""
        super().forget_callback(callback, namespace, room)
        self.remote_acks.forget(callback)

    def can_disconnect(self, sid: str, namespace: str) -> bool:
        """Tell whether a client is connected here; if not, the other processes are told."""
        if self.is_connected(sid, namespace) or self.is_pre_connected(sid, namespace):
            return super().can_disconnect(sid, namespace)
        message = bus.client_message(self.host_id, "disconnect", sid, namespace or "/")
        self._runtime().start(self._send_safely, message)
        return False

    @flavour.at_home
    def disconnect(self, sid: str, namespace: str | None = None, **kwargs: Any) -> None:
        """Disconnect a client of whatever process.

        Args:
            sid: The client.
            namespace: Its namespace; None means `/`.
            **kwargs: `ignore_queue=True` only forgets a client of this process that has gone.
        """
        namespace = namespace or "/"
        if kwargs.get("ignore_queue") or self.is_departing(sid, namespace):
            super().disconnect(sid, namespace)
        elif self.server is not None and self._is_local(namespace, sid):
            self.server.disconnect(sid, namespace=namespace, ignore_queue=True)
        else:
            self._send(bus.client_message(self.host_id, "disconnect", sid, namespace))

    @flavour.at_home
    def enter_room(self, sid: str, namespace: str, room: Room, eio_sid: str | None = None) -> None:
        """Put a client of whatever process into a room."""
        if eio_sid is not None or self._is_local(namespace, sid):
            super().enter_room(sid, namespace, room, eio_sid)
        else:
            self._send(bus.client_message(self.host_id, "enter_room", sid, namespace or "/", room))

    @flavour.at_home
    def leave_room(self, sid: str, namespace: str, room: Room) -> None:
        """Take a client of whatever process out of a room."""
        if self._is_local(namespace, sid):
            super().leave_room(sid, namespace, room)
        else:
            self._send(bus.client_message(self.host_id, "leave_room", sid, namespace or "/", room))

    @flavour.at_home
    def close_room(self, room: Room, namespace: str | None = None) -> None:
        """Take every client of every process out of a room.

        Raises:
            ValueError: The room is a client's own.
        """
        namespace = namespace or "/"
        super().close_room(room, namespace)
        self._send(bus.close_room_message(self.host_id, room, namespace))

    # -- publishing -----------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        """Publish a message under our next number."""
        message["seq"] = next(self._numbers)
        self._publish(message)
        if isinstance(self._bus, ListenerBus):
            self._bus.note_published()

    def _send_safely(self, message: dict[str, Any]) -> None:
        """Send a message for which nobody waits."""
        try:
            self._send(message)
        except BaseException as error:  # a third party's _publish raises what it likes
            failed(error, self.get_logger(), "cannot publish a %s message", message["method"])

    def _encode(self, message: dict[str, Any]) -> bytes:
        """Return a message as it travels, signed if we have a secret."""
        encoded = bus.to_bytes(message, self.codec)
        return encoded if self._signer is None else self._signer.sign(encoded)

    # -- receiving ------------------------------------------------------------------------

    def _read(self, raw: Any) -> bus.AnyMessage | None:
        """Return what a message says; None, and it is counted, if it is of no expected form."""
        try:
            if self._signer is not None:
                raw = self._signer.verify(raw)
            return bus.interpret(bus.parse(raw, self.codec))
        except bus.BusMessageError as error:
            self._note_malformed(error.kind, str(error))
            return None

    def _deliver(self, message: bus.AnyMessage) -> None:
        """Act on a message of another process; whatever it is, it raises nothing."""
        if isinstance(message, bus.CallbackMessage):
            if message.host_id != self.host_id:
                return
        elif message.node == self.host_id:
            return
        if self._duplicate_filter.seen(message.node, message.seq):
            self._duplicates += 1
            return
        try:
            self._act(message)
        except (TypeError, ValueError) as error:
            self._note_malformed("refused message", f"{type(message).__name__}: {error}")
        except BaseException as error:  # an application's handler; the next message must not suffer
            failed(error, self.get_logger(), "error while acting on a message of another process")

    def _act(self, message: bus.AnyMessage) -> None:
        self._received += 1
        if isinstance(message, bus.EmitMessage):
            self._act_on_emit(message)
        elif isinstance(message, bus.CallbackMessage):
            self._act_on_callback(message)
        elif isinstance(message, bus.CloseRoomMessage):
            super().close_room(message.room, message.namespace)
        elif isinstance(message, bus.ClientMessage) and self._is_local(
            message.namespace, message.sid
        ):
            if message.method == "enter_room":
                super().enter_room(message.sid, message.namespace, message.room)
            elif message.method == "leave_room":
                super().leave_room(message.sid, message.namespace, message.room)
            else:
                # The application's disconnect handler may take its time.
                self._runtime().start(self._disconnect_here, message.sid, message.namespace)

    def _act_on_emit(self, message: bus.EmitMessage) -> None:
        data = tuple(message.args)
        namespace, room, skip = message.namespace, message.room, message.skip_sid
        if message.callback is None:
            super().emit(message.event, data, namespace, room, skip)
            return
        for member in without(self.table.in_room(namespace, room), skip):
            answer = _RemoteAnswer(self, message.callback, message.node or "", member.sid)
            super().emit(message.event, data, namespace, member.sid, None, answer)

    def _act_on_callback(self, message: bus.CallbackMessage) -> None:
        callback = self.remote_acks.answer(
            message.id, message.room, message.namespace, message.client, time.monotonic()
        )
        if callback is None:
            self.get_logger().debug("unknown or repeated answer %d ignored", message.id)
        elif message.args is not None:
            # Not in this task: the callback may wait for another answer.
            self._runtime().start(self._call_back, callback, message.args)
        elif message.client == message.room:
            self.unreachable(callback)

    def _call_back(self, callback: Any, args: list[Any]) -> None:
        try:
            flavour.settled(callback(*args))
        except BaseException as error:  # the application's callback
            failed(error, self.get_logger(), "error in a callback")

    def _disconnect_here(self, sid: str, namespace: str) -> None:
        try:
            self.server.disconnect(sid, namespace=namespace, ignore_queue=True)
        except BaseException as error:  # the application's disconnect handler
            failed(error, self.get_logger(), "error while disconnecting %s", escaped(sid))

    def _note_malformed(self, kind: str, detail: str) -> None:
        self._malformed += 1
        if kind not in self._kinds_logged and len(self._kinds_logged) < 100:
            self._kinds_logged.add(kind)
            self.get_logger().warning(
                "%s ignored a message on %r (%s); further ones of this kind are only counted",
                *(self.name, self.channel, escaped(detail)),
            )

    # -- the way to the broker ------------------------------------------------------------

    def _has_driver(self) -> bool:
        return type(self).create_driver is not PubSubManager.create_driver

    def _is_local(self, namespace: str, room: Room) -> bool:
        """Tell whether a room is a client's of this process, or a list of such."""
        if isinstance(room, list):
            return all(self.is_sid_room(namespace, each) for each in room)
        return self.is_sid_room(namespace, room)

    def _maker(self) -> Self:
        """Return a copy that makes our drivers and keeps nothing of us alive."""
        logger: logging.Logger = self.get_logger()
        maker = copy.copy(self)
        maker._forget_process()
        maker.logger = logger
        maker.server = None
        maker.table = RoomTable()
        maker.observers = Observers(logger)
        maker.remote_acks = RemoteAcks()
        return maker

    def _runtime(self) -> Any:
        """Return what runs our tasks and timers: the server's, or one of our own without it."""
        if self.server is not None:
            return self.server.eio.runtime
        self._own_runtime = flavour.own_runtime(self._own_runtime)
        return self._own_runtime

    # -- without a server -----------------------------------------------------------------

    def _emitting(self) -> Emitter:
        """Return the connection over which this process emits, as long as it serves nobody."""
        emitter = self._emitter
        if emitter is None:
            with self._connecting:  # several threads may emit at the same time
                emitter = self._emitter
                if emitter is None:
                    emitter = self._create_emitter()
        return emitter

    def _create_emitter(self) -> Emitter:
        if not self._has_driver():
            self.create_driver()  # says what the subclass has to supply

        # The link may outlive this manager, and must not keep it alive.
        maker = self._maker()

        def create(runtime: Runtime, receiver: LinkReceiver) -> BrokerLink:
            outbox = Outbox(maker.outbox_messages, maker.outbox_bytes)
            return create_link(maker, receiver, outbox, runtime, receive=False)

        key, times = self.connection_key(), presence_times(self)
        if key is not None:
            bounds = (self.outbox_messages, self.outbox_bytes)
            key = (type(self), key, LinkTimes.of(self), times, bounds, self.get_logger())
        self._emitter = self._last = emitter = acquire(key, create, times)
        self._abandoning = weakref.finalize(self, emitter.abandon)
        self._abandoning.atexit = False  # the emitter itself sees to the end of the process
        return emitter

    def _abandon_emitter(self) -> None:
        if self._emitter is not None:
            emitter, self._emitter = self._emitter, None
            self._abandoning.detach()
            emitter.abandon()


class _RemoteAnswer:
    """The callback of an event that another process emitted: its answer goes back there."""

    def __init__(
        self,
        manager: PubSubManager,
        callback: tuple[Any, str, int],
        host_id: str,
        client: str,
    ) -> None:
        self._manager = manager
        self._callback = callback
        self._host_id = host_id
        self._client = client

    def __call__(self, *args: Any) -> None:
        self._manager._send(self._message(args))

    def fail(self) -> None:
        """Tell that the client went away without an answer."""
        manager = self._manager
        manager._runtime().start(manager._send_safely, self._message(None))

    def _message(self, args: tuple[Any, ...] | None) -> dict[str, Any]:
        manager = self._manager
        return bus.callback_message(
            manager.host_id, self._callback, self._host_id, self._client, args
        )


def _plain_room(room: Room) -> bus.Room:
    """Return rooms as JSON can express them.

    Raises:
        TypeError: A room that would not be the same one in another process.
    """
    if isinstance(room, list | tuple | set | frozenset):
        return [_one_room(each) for each in room]
    return None if room is None else _one_room(room)


def _one_room(room: Any) -> str | int:
    if isinstance(room, str | int):
        return room
    raise TypeError(
        f"a room that other processes know must be a str or an int, not {type(room).__name__}"
    )


def _standard_json() -> Any:
    import json

    return json
