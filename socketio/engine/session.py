"""One client's session: the state machine, its transport, and what is told of it above."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from .._core.failures import failed
from .._core.logs import escaped, log_id
from ..abc.engine import ServedEngine
from ..exceptions import ProtocolError
from ..protocol.engine import (
    MESSAGE,
    PING_PACKET,
    EnginePacket,
    SessionProtocol,
    Signal,
    decode_packet,
)
from ..protocol.packets import SerializerError
from .ended import ENDED_TRANSPORT
from .slow_clients import Pressed, drop_events

if TYPE_CHECKING:
    from ..abc.runtime import Pending, Waiter
    from ..abc.transport import Transport
    from .config import EngineConfig


MESSAGE_COST = 1000
"""Bytes that a message takes besides its own until its handler has ended."""


class Reason:
    """Why a client is gone."""

    SERVER_DISCONNECT = "server disconnect"
    """The server closed the connection."""
    CLIENT_DISCONNECT = "client disconnect"
    """The client closed the connection."""
    PING_TIMEOUT = "ping timeout"
    """The client did not answer a ping in time."""
    TRANSPORT_CLOSE = "transport close"
    """The connection was closed without a word."""
    TRANSPORT_ERROR = "transport error"
    """The connection broke, or the client broke the protocol."""


class Session(SessionProtocol):
    """A client's connection, whatever transport carries it.

    Args:
        engine: The engine that opened it.
        sid: The Engine.IO session id.
        transport_name: The transport of the handshake.
        environ: The handshake's request, as WSGI names it.
    """

    __slots__ = (
        "__weakref__",
        "_waiters",
        "awaited",
        "client",
        "config",
        "ended",
        "engine",
        "environ",
        "excused",
        "inbox_size",
        "opening",
        "overrun",
        "paused",
        "storage",
        "transport",
        "turned",
        "upgrading",
        "watched",
    )

    lock: AbstractContextManager[Any] = nullcontext()
    """What threads hold while they change the state, the transport or the outbox; an event loop is
    one thread."""
    transport: Transport
    opening: bool
    """Whether the layer above is being asked; who ends the session meanwhile tells it nothing."""
    client: Any
    """What the layer above keeps of this client."""
    ended: str | None
    """Why the session has ended: one of `Reason`."""
    config: EngineConfig
    """The options of the handshake, of which the client knows."""
    inbox_size: int
    """Bytes of messages whose handlers have not ended, those left aside that ended at once."""
    overrun: bool
    """Whether too much waits for handlers; what waits is not to be handled any more."""
    paused: bool
    """Whether nothing more of the client is to be read until handlers have caught up."""
    excused: bool
    """Whether reading was paused since the last ping: its answer may not have been read."""
    awaited: int
    """How many answers of this client are waited for; reading does not pause meanwhile, since the
    answers come behind what would not be read."""
    watched: bool
    """Whether the engine looks from time to time whether the outbox moves."""
    turned: int
    """What `taken` was when somebody last waited a moment for this client."""

    def __init__(
        self, engine: SessionOwner, sid: str, transport_name: str, environ: dict[str, Any]
    ) -> None:
        super().__init__(sid, transport_name)
        self.engine = engine
        self.config = engine.config
        self.environ = environ
        self.client = None
        self.ended: str | None = None
        self.storage: dict[str, Any] | None = None
        self.awaited = 0
        self.inbox_size = 0
        self.excused = False
        self.opening = False
        self.overrun = False
        self.paused = False
        self.upgrading: Transport | None = None
        self.watched = False
        self.turned = -1
        self._waiters: list[tuple[float, Waiter]] | None = None

    @property
    def log_id(self) -> str:
        """What the session is called in log lines; its own id is a secret."""
        return log_id(self.sid)

    def send(self, packet: EnginePacket) -> None:
        """Send a packet to the client; dropped when the session has ended.

        What becomes of a client that lets more than `max_outbox_size` bytes pile up, is said by
        `slow_client_policy`.
        """
        if self.ended is None:
            self.transport.send(packet)
            if self.outbox:
                self._check_outbox()

    def ping(self) -> None:
        """Ping the client; what waits for it already may take longer than its answer may."""
        with self.lock:
            if self.ended is None and self.outbox:
                self.enqueue_first(PING_PACKET)
                return
        self.send(PING_PACKET)

    # -- what waits for the client --------------------------------------------------------

    def _check_outbox(self) -> None:
        """Look after what waits: who sends too much, and whether the client takes anything."""
        engine = self.engine
        if not self.watched:
            engine.watch_outbox(self)
        size = self._outbox_size
        config = engine.config
        if size > config.outbox_mark:
            if self not in engine.pressed:
                self._press()
            if size > config.max_outbox_size and len(self.outbox) > 1:
                self._overflow()

    def _press(self) -> None:
        """Note that the outbox stands above the mark, until it is below half of it."""
        engine = self.engine
        with self.lock:
            mark = engine.config.outbox_mark
            if self.ended is None and self._outbox_size > mark:
                engine.pressed.add(self)
                self._relief_level = max(self._relief_level, mark / 2)

    def relieved(self) -> None:
        """Let those go on who wait for the outbox to be as empty as it is; with the lock held."""
        engine = self.engine
        size = self._outbox_size
        gone = self.ended is not None
        low = engine.config.outbox_mark / 2
        if gone or size <= low:
            engine.pressed.discard(self)
        waiters, self._waiters = self._waiters, None
        level: float = low if self in engine.pressed else -1
        for entry in waiters or ():
            if gone or size <= entry[0]:
                entry[1].set(None)
                continue
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(entry)
            level = max(level, entry[0])
        self._relief_level = level

    def waiter(self, level: float | None = None) -> Waiter | None:
        """Return what waits until the outbox is emptier, or the session has ended.

        Args:
            level: How many bytes may be left; None: half of the high-water mark.

        Returns:
            None if there is nothing to wait for.
        """
        engine = self.engine
        if level is None:
            level = engine.config.outbox_mark / 2
        with self.lock:
            if self.ended is not None or self._outbox_size <= level:
                return None
            waiter: Waiter = engine.runtime.create_waiter()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append((level, waiter))
            self._relief_level = max(self._relief_level, level)
            return waiter

    def forget_waiter(self, waiter: Waiter) -> None:
        """Forget somebody who waits no more."""
        with self.lock:
            if self._waiters is not None:
                self._waiters = [entry for entry in self._waiters if entry[1] is not waiter] or None

    def progress(self) -> tuple[int, int]:
        """Return what tells whether the client takes what waits for it."""
        return self.taken, self.transport.unsent()

    def _overflow(self) -> None:
        """Do what the policy says, since more than `max_outbox_size` bytes wait."""
        engine = self.engine
        policy, bound = engine.config.slow_client_policy, engine.config.max_outbox_size
        if policy != "close":
            with self.lock:
                if not isinstance(self.outbox, deque):
                    return  # another thread was faster
                self.outbox, self._outbox_size, dropped = drop_events(
                    policy, self.outbox, self._outbox_size, bound
                )
                size = self._outbox_size
                if self._relief_level >= size:
                    self.relieved()
            if dropped:
                engine.count_slow(self, policy, dropped)
            if size <= bound:
                return
        self.engine.logger.warning(
            "%s: session closed: the client has not read %d bytes; see max_outbox_size",
            self.log_id,
            self._outbox_size,
        )
        # Handlers that this starts would run in the middle of somebody's broadcast.
        if self._end(Reason.TRANSPORT_ERROR):
            engine.count_slow(self, "overflowed")
            engine.tell_later(self)

    def stall(self) -> None:
        """End the session of a client that takes nothing; what waits for it is given up."""
        self.engine.logger.warning(
            "%s: session closed: the client has read nothing for %s seconds; see stall_timeout",
            self.log_id,
            self.engine.config.stall_timeout,
        )
        told = self._end(Reason.TRANSPORT_ERROR)
        with self.lock:
            self.drop_outbox()
        if told:
            self.engine.count_slow(self, "stalled")
            self.engine.tell_later(self)

    def send_all(self, packets: Iterable[EnginePacket]) -> None:
        """Send packets that belong together, with nothing in between."""
        self._hand_over(packets)
        if self.outbox:
            self._check_outbox()

    def _hand_over(self, packets: Iterable[EnginePacket]) -> None:
        if self.ended is None:
            for packet in packets:
                self.transport.send(packet)

    def receive(self, message: str | bytes) -> None:
        """Take one websocket message of the client; a bad one ends the session.

        So does one on which the layer above breaks, such as a packet class with a bug: what comes
        next could mean anything, and the web server's parser is no place for the exception.
        """
        try:
            engine = self.engine
            if isinstance(message, str):
                # The size in bytes is only counted where the characters leave a doubt.
                limit = self.config.max_http_buffer_size
                if len(message) * 4 > limit and len(message.encode()) > limit:
                    raise ProtocolError(f"a message of more than {limit} bytes")
                if message[:1] == "4":
                    if self.ended is None:
                        engine.consumer.message(self, message[1:])
                    return
                if message[:1] == "b":
                    raise ProtocolError("a base64 packet on a websocket")
                self._take(*decode_packet(message))
            else:
                limit = self.config.max_http_buffer_size
                if len(message) > limit:
                    raise ProtocolError(f"a message of more than {limit} bytes")
                self._take(MESSAGE, message)
        except ProtocolError as error:
            self.fail(error)
        except BaseException as error:
            self.break_off(error)

    def receive_packet(self, packet_type: int, data: str | bytes) -> None:
        """Take one packet of the client.

        Raises:
            ProtocolError: The client must not send it, or the layer above broke on it; then the
                session has ended.
        """
        try:
            self._take(packet_type, data)
        except ProtocolError:
            raise
        except BaseException as error:
            self.break_off(error)
            raise ProtocolError("the message could not be taken") from error

    def _take(self, packet_type: int, data: str | bytes) -> None:
        signal = self.signal(packet_type)
        if signal is Signal.MESSAGE:
            self.engine.consumer.message(self, data)
        elif signal is Signal.PONG:
            self.engine.pong(self)
        elif signal is Signal.CLOSE:
            self.end(Reason.CLIENT_DISCONNECT)

    # -- messages that wait for handlers --------------------------------------------------

    def hold(self, pending: Pending, size: int) -> None:
        """Count a message until its handler has ended; above the high-water mark reading pauses.

        Args:
            pending: The handler, which waits for its turn or for something else.
            size: The message's, in bytes.

        Raises:
            ProtocolError: More than `max_inbox_size` bytes are held, and more than one message.
        """
        size += MESSAGE_COST
        limit = self.engine.config.max_inbox_size
        held = self._count(size)
        pending.add_done_callback(lambda _: self._count(-size))
        if held > limit and held > size:
            self.overrun = True
            raise ProtocolError(
                f"messages of more than {limit} bytes wait for handlers; see max_inbox_size"
            )

    def _count(self, size: int) -> int:
        """Count what begins to wait, or waits no more; pause or resume reading as it says."""
        with self.lock:
            self.inbox_size += size
            self._mind_marks()
            return self.inbox_size

    def _mind_marks(self) -> None:
        """Pause or resume reading, as what waits for handlers asks for; with the lock held."""
        config = self.engine.config
        # With a lower hard bound there must be room left for what was read already.
        high = min(config.inbox_high_water, config.max_inbox_size // 2)
        if self.paused:
            if self.inbox_size <= high // 2 or self.awaited or self.ended is not None:
                self.paused = False
                self.transport.resume_reading()
        elif self.inbox_size > high and not self.awaited and self.ended is None:
            self.paused = self.excused = True
            self.transport.pause_reading()

    @contextmanager
    def awaiting(self) -> Iterator[None]:
        """Read on in any case while an answer of this client is waited for."""
        self._await(1)
        try:
            yield
        finally:
            self._await(-1)

    def _await(self, more: int) -> None:
        with self.lock:
            self.awaited += more
            self._mind_marks()

    def is_excused(self) -> bool:
        """Tell whether a pong that is missing may wait where we have not read it."""
        excused, self.excused = self.excused, self.paused
        return self.transport.was_behind() or excused

    def fail(self, error: object) -> None:
        """End the session because the client broke the protocol, or a serializer on its message."""
        if isinstance(error, SerializerError) and error.__cause__ is not None:
            if self.ended is None:
                self.break_off(error.__cause__)
            return
        if self.ended is None:
            # As text: a handler may keep records, and an exception would keep its frames, and us.
            self.engine.logger.warning("%s: session closed: %s", self.log_id, escaped(error))
            self.end(Reason.TRANSPORT_ERROR)

    def break_off(self, error: BaseException) -> None:
        """End the session because the layer above broke on a message, and log that once.

        Args:
            error: The exception that is being handled.

        Raises:
            BaseException: That was the error, and it is one that ends more than the call; see
                `failed`.
        """
        message = "%s: session closed: a message could not be taken"
        try:
            failed(error, self.engine.logger, message, self.log_id)
        finally:
            self.end(Reason.TRANSPORT_ERROR)

    def end(self, reason: str) -> None:
        """End the session, once: the transport is closed, and the layer above is told.

        Args:
            reason: One of `Reason`.
        """
        if self._end(reason):
            self.engine.consumer.session_closed(self, reason)

    def _end(self, reason: str) -> bool:
        """End the session; return whether the layer above, which knows it, is to be told now."""
        with self.lock:
            if not self.close():
                return False
            self.ended = reason
            if self._relief_level >= 0:
                self.relieved()
            opening = self.opening
            upgrading = self.upgrading
            self._mind_marks()  # the end of the connection must be read
        self.engine.forget(self)
        self.transport.close()
        if upgrading is not None:
            upgrading.close()
        return not opening

    def release(self) -> None:
        """Let go of the transport: nothing will be sent or fetched any more.

        Session and transport refer to each other. With that circle cut, an ended session is freed
        at once instead of by the garbage collector, of which a server of many clients sees little.
        """
        self.transport = ENDED_TRANSPORT


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

    def session_slow(self, session: Session, what: str, count: int) -> None:  # noqa: B027  # not everyone needs it
        """Note what was done about a client that is too slow; never waits.

        Args:
            session: The client's.
            what: `'stalled'` or `'overflowed'`: it is closed; or the policy by which events for it
                were dropped.
            count: How many events that were, since the last time.
        """

    @abstractmethod
    def session_closed(self, session: Session, reason: str) -> None:
        """Note the end of a session, once; never waits."""

    def has_clients(self) -> bool:
        """Tell whether there are clients, or some whose disconnect handlers still run."""
        return False

    def has_begun(self) -> bool:
        """Tell whether there is something to shut down, even without clients."""
        return False


class SessionOwner(ServedEngine, Protocol):
    """An engine, as its sessions see it."""

    config: EngineConfig
    """The options of sessions that are opened from now on, and its limits."""
    consumer: Consumer
    """The layer above, which is told of sessions."""
    async_handlers: bool
    """Whether handlers of one client may overlap."""
    pressed: Pressed
    """The sessions whose outboxes stand above the high-water mark."""

    def watch_outbox(self, session: Session) -> None:
        """Look from now on whether a client takes what waits for it."""

    def count_slow(self, session: Session, what: str, count: int = 1) -> None:
        """Count what is done about a client that is too slow, and tell the consumer later."""

    def upgrades(self, transport_name: str) -> list[str]:
        """Return the transports that a session may leave one for."""

    def pong(self, session: Session) -> None:
        """Note that the client has answered a ping."""

    def forget(self, session: Session) -> None:
        """Note that a session has ended, before its transport is closed."""

    def tell_later(self, session: Session) -> None:
        """Tell the layer above of the end of a session when the send in which it ended is over."""

    def linger(self, session: Session, seconds: float | None = None) -> None:
        """Keep an ended session until its client has fetched what is left for it.

        Args:
            session: The session.
            seconds: For how long at most; None: `close_timeout`.
        """

    def fetched(self, session: Session) -> None:
        """Note that the client of an ended session has fetched everything, or never will."""
