"""Engine.IO 4, sans-I/O: packets, payloads, the state of a session, heartbeats.

This module owns neither sockets nor clocks: it is told what arrived and what time it is, and
answers what that means.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from ..exceptions import ProtocolError

S = TypeVar("S")

OPEN: Final = 0
CLOSE: Final = 1
PING: Final = 2
PONG: Final = 3
MESSAGE: Final = 4
UPGRADE: Final = 5
NOOP: Final = 6

packet_names: Final = ("OPEN", "CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP")
"""The name of each packet type, by its number."""

_DIGITS: Final = tuple("0123456")

RECORD_SEPARATOR: Final = "\x1e"
"""Stands between the packets of a payload."""

PROBE: Final = "probe"
"""The data of the ping and pong that test a transport before an upgrade."""

PROTOCOL: Final = 4
"""The protocol revision, which clients state as `EIO=4`."""


MAX_SLACK: Final = 0.05
"""Seconds that a ping may be late at most, so that many leave in one turn."""


PACKET_COST: Final = 96
"""Bytes that a packet takes besides its text while it waits; measured: 64 to 113."""


class EnginePacket:
    """An outgoing Engine.IO packet, encoded once per wire form however many receive it.

    Args:
        packet_type: `OPEN` … `NOOP`.
        data: str, or bytes for a binary message.
    """

    __slots__ = ("_polling", "event", "websocket", "wire")

    event: tuple[str, int]
    """Of the first packet of an event that may be dropped: its name, and how many packets it has.

    Set only where events may be dropped; see `slow_client_policy`."""
    websocket: str | bytes
    """What one websocket message carries."""
    wire: Any
    """A transport's own encoding of `websocket` (a finished frame), kept for the next recipient."""

    def __init__(self, packet_type: int = NOOP, data: str | bytes = "") -> None:
        if isinstance(data, str):
            self.websocket = _DIGITS[packet_type] + data
        elif packet_type == MESSAGE:
            self.websocket = data
        else:
            raise ValueError(f"a {packet_names[packet_type]} packet cannot carry binary data")
        self._polling: str | None = None
        self.wire = None

    def __repr__(self) -> str:
        return f"<EnginePacket {packet_names[self.packet_type]} {self.data!r:.60}>"

    @property
    def packet_type(self) -> int:
        """`OPEN` … `NOOP`."""
        return int(self.websocket[0]) if isinstance(self.websocket, str) else MESSAGE

    @property
    def data(self) -> str | bytes:
        """What the packet carries."""
        return self.websocket[1:] if isinstance(self.websocket, str) else self.websocket

    @property
    def size(self) -> int:
        """Bytes on the websocket, near enough for bounds: UTF-8 is counted as its characters."""
        return len(self.websocket)

    @property
    def cost(self) -> int:
        """Bytes of memory that the packet takes while it waits, near enough for bounds."""
        message = self.websocket
        if isinstance(message, str) and not message.isascii():
            return 4 * len(message) + PACKET_COST  # as text or as UTF-8, whichever is longer
        return len(message) + PACKET_COST

    @property
    def polling(self) -> str:
        """What stands for the packet in a payload: binary data is base64 after a `b`."""
        if self._polling is None:
            if isinstance(self.websocket, str):
                self._polling = self.websocket
            else:
                self._polling = "b" + b64encode(self.websocket).decode("ascii")
        return self._polling


PING_PACKET: Final = EnginePacket(PING)
NOOP_PACKET: Final = EnginePacket(NOOP)
CLOSE_PACKET: Final = EnginePacket(CLOSE)
PROBE_ANSWER: Final = EnginePacket(PONG, PROBE)


def decode_packet(encoded: str) -> tuple[int, str | bytes]:
    """Decode one packet of a payload or one text message of a websocket.

    Args:
        encoded: The packet; `b` and base64 for a binary message.

    Returns:
        The packet type and its data.

    Raises:
        ProtocolError: No such packet type, or invalid base64.
    """
    head = encoded[:1]
    if head == "b":
        return MESSAGE, _decode_base64(encoded[1:])
    if head and head in "0123456":
        return ord(head) - 48, encoded[1:]
    raise ProtocolError(f"unknown Engine.IO packet type in {encoded[:20]!r}")


def _decode_base64(text: str) -> bytes:
    """Return the bytes of a base64 text, strictly but for line breaks.

    Java's and Android's client ends a line after 76 characters, and the last one too (RFC 2045,
    6.8).
    """
    try:
        return binascii.a2b_base64(text, strict_mode=bool(text))
    except ValueError as error:
        joined = text.replace("\r\n", "\n").replace("\n", "")
        if len(joined) == len(text):
            raise ProtocolError(f"invalid base64 in a binary packet: {error}") from error
    return _decode_base64(joined)


def encode_payload(packets: Iterable[EnginePacket]) -> str:
    """Return the body that carries several packets over HTTP."""
    return RECORD_SEPARATOR.join([packet.polling for packet in packets])


def decode_payload(body: str) -> Iterator[tuple[int, str | bytes]]:
    """Yield the packets of an HTTP body, lazily: a bad packet raises when it is reached.

    Raises:
        ProtocolError: See `decode_packet`.
    """
    # Cut off one by one: whoever takes them may stop in between, and all at once would take up to
    # thirty times the size of the body.
    start = 0
    while (end := body.find(RECORD_SEPARATOR, start)) >= 0:
        yield decode_packet(body[start:end])
        start = end + 1
    yield decode_packet(body[start:])


class SessionState(Enum):
    """Where a session is in its life.

    A session that the engine has opened is OPEN; a websocket that sent the probe makes it
    UPGRADING until it sends the upgrade packet or dies; CLOSED is final.
    """

    OPEN = "open"
    UPGRADING = "upgrading"
    CLOSED = "closed"


class Signal(Enum):
    """What a packet of the client means to the engine."""

    MESSAGE = "message"
    PONG = "pong"
    CLOSE = "close"
    NOTHING = "nothing"


# (packet type) -> signal; what is missing is a protocol error of the client.
_SIGNALS: Final = {
    MESSAGE: Signal.MESSAGE,
    PONG: Signal.PONG,
    CLOSE: Signal.CLOSE,
    NOOP: Signal.NOTHING,
}


class SessionProtocol:
    """The state machine of one client's session (sans-I/O).

    Args:
        sid: The session id, a secret between server and client.
        transport_name: The transport of the handshake.
    """

    __slots__ = (
        "_outbox_size",
        "_relief_level",
        "outbox",
        "sid",
        "state",
        "taken",
        "transport_name",
    )

    outbox: deque[EnginePacket] | tuple[()]
    """What waits to be sent; an empty deque takes 760 bytes, which few sessions need for long."""
    taken: int
    """How many packets have left the outbox: if it does not grow, nothing moves."""

    def __init__(self, sid: str, transport_name: str) -> None:
        self.sid = sid
        self.transport_name = transport_name
        self.state = SessionState.OPEN
        self.outbox = ()
        self.taken = 0
        self._outbox_size = 0
        # At how many bytes in the outbox, or less, `relieved` is called; -1: never.
        self._relief_level: float = -1

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self.state is SessionState.CLOSED

    @property
    def outbox_size(self) -> int:
        """Bytes that what waits to be sent takes; see `Packet.cost`."""
        return self._outbox_size

    def enqueue(self, packet: EnginePacket) -> None:
        """Keep a packet until the transport can take it."""
        self._queue().append(packet)
        self._outbox_size += packet.cost

    def enqueue_first(self, packet: EnginePacket) -> None:
        """Keep a packet that goes before all that wait."""
        self._queue().appendleft(packet)
        self._outbox_size += packet.cost

    def _queue(self) -> deque[EnginePacket]:
        if isinstance(self.outbox, tuple):
            self.outbox = deque()
        return self.outbox

    def next_packet(self) -> EnginePacket:
        """Take the packet that has waited longest."""
        outbox = self._queue()
        packet = outbox.popleft()
        if not outbox:
            self.outbox = ()
        self._outbox_size -= packet.cost
        self.taken += 1
        if self._outbox_size <= self._relief_level:
            self.relieved()
        return packet

    def drop_outbox(self) -> None:
        """Give up what waits to be sent."""
        self.outbox = ()
        self._outbox_size = 0
        if self._relief_level >= 0:
            self.relieved()

    def relieved(self) -> None:
        """Note that no more waits than `_relief_level` says; for whoever waits for that."""

    def take_payload(self, max_bytes: int) -> list[EnginePacket]:
        """Take what one poll may carry: at least one packet, and at most about `max_bytes`.

        Args:
            max_bytes: The bound on the answer's size.
        """
        packets = [self.next_packet()]
        size = len(packets[0].polling)
        while self.outbox:
            size += len(self.outbox[0].polling) + 1
            if size > max_bytes:
                break
            packets.append(self.next_packet())
        return packets

    def signal(self, packet_type: int) -> Signal:
        """Say what a packet of the client means.

        Raises:
            ProtocolError: The client must not send such a packet now. A ping is one: in this
                revision of the protocol the server pings (Engine.IO 4, "Heartbeat").
        """
        if self.state is SessionState.CLOSED:
            return Signal.NOTHING
        try:
            return _SIGNALS[packet_type]
        except KeyError:
            raise ProtocolError(
                f"the client sent {packet_names[packet_type]}, which only the server may send now"
            ) from None

    def probe(self, transport_name: str, upgrades: Iterable[str]) -> None:
        """Begin the upgrade to another transport (Engine.IO 4, "Upgrade").

        Raises:
            ProtocolError: An upgrade is under way or done, or the transport is not offered.
        """
        if self.state is SessionState.UPGRADING:
            raise ProtocolError("an upgrade of this session is under way already")
        if self.state is not SessionState.OPEN or transport_name not in upgrades:
            raise ProtocolError(
                f"a session on {self.transport_name} cannot upgrade to {transport_name}"
            )
        self.state = SessionState.UPGRADING

    def upgraded(self, transport_name: str) -> None:
        """End the upgrade: from now on the other transport carries the session."""
        if self.state is not SessionState.UPGRADING:
            raise ProtocolError("an upgrade packet without a probe")
        self.state = SessionState.OPEN
        self.transport_name = transport_name

    def upgrade_failed(self) -> None:
        """Give up an upgrade: the old transport goes on."""
        if self.state is SessionState.UPGRADING:
            self.state = SessionState.OPEN

    def close(self) -> bool:
        """End the session.

        Returns:
            True the first time, False if it had ended before.
        """
        if self.state is SessionState.CLOSED:
            return False
        self.state = SessionState.CLOSED
        return True


class Heartbeats(Generic[S]):
    """When to ping which session, and which one has been silent for too long (sans-I/O).

    One object serves all sessions of a server. Those that were added under the same times stand in
    the order of their deadlines by themselves, so no session needs a timer of its own.

    Args:
        interval: Seconds from the answer to one ping (or from the start) to the next ping.
        timeout: Seconds that the client has for its answer.
    """

    __slots__ = ("_awaiting_pong", "_former", "_ping_due", "_pinged", "interval", "timeout")

    def __init__(self, interval: float, timeout: float) -> None:
        self.interval = interval
        self.timeout = timeout
        self._pinged = float("-inf")
        self._ping_due: dict[S, float] = {}
        self._awaiting_pong: dict[S, float] = {}
        self._former: list[Heartbeats[S]] = []
        """Those of the sessions that were added under other times."""

    def __len__(self) -> int:
        return len(self._ping_due) + len(self._awaiting_pong) + sum(map(len, self._former))

    def change(self, interval: float, timeout: float) -> None:
        """Use other times for the sessions to come; the others keep what their clients know."""
        if (interval, timeout) == (self.interval, self.timeout):
            return
        if self._ping_due or self._awaiting_pong:
            former: Heartbeats[S] = Heartbeats(self.interval, self.timeout)
            former._ping_due, former._awaiting_pong = self._ping_due, self._awaiting_pong
            former._pinged = self._pinged
            self._former.append(former)
            self._ping_due, self._awaiting_pong = {}, {}
        self.interval = interval
        self.timeout = timeout

    def add(self, session: S, now: float) -> None:
        """Begin the heartbeat of a session that has just opened."""
        self._ping_due[session] = now + self.interval

    def pong(self, session: S, now: float) -> float | None:
        """Note the client's answer; one that no ping asked for changes nothing.

        Returns:
            When the next ping is due; None if no ping has asked for it.
        """
        if self._awaiting_pong.pop(session, None) is None:
            for former in self._former:
                due = former.pong(session, now)
                if due is not None:
                    return due
            return None
        due = self._ping_due[session] = now + self.interval
        return due

    def remove(self, session: S) -> None:
        """End the heartbeat of a session."""
        if self._ping_due.pop(session, None) is not None:
            return
        if self._awaiting_pong.pop(session, None) is None and self._former:
            for former in self._former:
                former.remove(session)
            self._former = [former for former in self._former if len(former)]

    def due(
        self, now: float, is_excused: Callable[[S], bool] | None = None
    ) -> tuple[list[S], list[S]]:
        """Return the sessions to ping now and those whose answer is overdue.

        Args:
            now: The time.
            is_excused: Tells whether a client is no offender though its answer is overdue: then
                it is pinged again.

        Sessions of the first list await their answer from now on; those of the second are
        forgotten. The time for an answer runs from the moment when its ping was due: one that is
        sent a little late gives the client no more time. A process that stood still is another
        matter: a quarter of the time remains to the client in any case.
        """
        to_ping = _expired(self._ping_due, now)
        at_least = now + self.timeout / 4
        if to_ping:
            self._pinged = now
        for session, deadline in to_ping:
            self._awaiting_pong[session] = max(deadline + self.timeout, at_least)
        pinged = [session for session, _ in to_ping]
        silent = []
        for session, _ in _expired(self._awaiting_pong, now):
            if is_excused is not None and is_excused(session):
                self._awaiting_pong[session] = now + self.timeout
                pinged.append(session)
            else:
                silent.append(session)
        for former in self._former:
            more_to_ping, more_silent = former.due(now, is_excused)
            pinged += more_to_ping
            silent += more_silent
        return pinged, silent

    def overdue(self, session: S, now: float) -> bool:
        """Tell whether the answer of one session is overdue."""
        deadline = self._awaiting_pong.get(session)
        if deadline is None:
            return any(former.overdue(session, now) for former in self._former)
        return deadline <= now

    def next_deadline(self) -> float | None:
        """Return when `due` should be asked next, or None.

        Pings that are due close to each other share one turn, which makes some of them a little
        late. A timeout is never late: it is no longer than it was said to be.
        """
        times = []
        if self._ping_due:
            slack = min(MAX_SLACK, self.interval / 20, self.timeout / 20)
            times.append(max(next(iter(self._ping_due.values())), self._pinged + slack))
        if self._awaiting_pong:
            times.append(next(iter(self._awaiting_pong.values())))
        for former in self._former:
            deadline = former.next_deadline()
            if deadline is not None:
                times.append(deadline)
        return min(times) if times else None


def _expired(table: dict[S, float], now: float) -> list[tuple[S, float]]:
    expired = []
    for session, deadline in table.items():
        if deadline > now:
            break
        expired.append((session, deadline))
    for session, _ in expired:
        del table[session]
    return expired
