"""A client in a namespace: where it is in its life, and all that the server keeps of it.

One engine session may be in several namespaces, and in each of them it is another client, with an
id of its own. `Memberships` is what belongs to the session, `Membership` what belongs to one
namespace.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from ..protocol.engine import EnginePacket
from ..protocol.packets import AckCounter, Decoder

if TYPE_CHECKING:
    from ..abc.runtime import Pending, Series
    from ..engine.session import Session

MAX_LEFT: Final = 100
"""How many namespaces that a session was in are remembered, so that late packets are no offence."""

MAX_LEFT_NAME: Final = 1000
"""Characters of the name of a namespace that is remembered: names are the client's own."""


class MemberState(Enum):
    """Where a client is in its life in a namespace."""

    PENDING = "pending"
    """Its connect handler runs: it gets what that one sends, and nobody else's broadcasts."""
    CONNECTED = "connected"
    """It was accepted."""
    LEAVING = "leaving"
    """Its disconnect handler runs, which can still ask for its rooms and its data."""
    GONE = "gone"
    """Nothing of it is kept."""


PENDING, CONNECTED = MemberState.PENDING, MemberState.CONNECTED
LEAVING, GONE = MemberState.LEAVING, MemberState.GONE

TRANSITIONS: Final[dict[MemberState, frozenset[MemberState]]] = {
    PENDING: frozenset(
        {
            CONNECTED,
            GONE,  # refused
            LEAVING,  # accepted by its handler when the connection had gone already
        }
    ),
    CONNECTED: frozenset(
        {
            LEAVING,
            GONE,  # refused after all, with always_connect
        }
    ),
    LEAVING: frozenset({GONE}),
    GONE: frozenset(),
}
"""Which state may follow which."""


class Memberships:
    """What a server keeps of one engine session.

    Args:
        decoder: Puts its packets together.
        lock: Held, never for long, by whoever changes the state of a membership or sends what has
            waited for its acceptance. It may be taken again by its holder.
        lane: Runs its handlers.
    """

    __slots__ = (
        "alive",
        "decoder",
        "lock",
        "memberships",
        "start",
        "start_callback",
        "start_reserved",
        "text_size",
    )

    def __init__(self, decoder: Decoder, lock: Any, lane: Series) -> None:
        self.decoder = decoder
        self.lock = lock
        self.start: Callable[..., Pending | None] = lane.start
        """Runs a handler: beside the others of this client, or after them."""
        self.start_reserved: Callable[..., Pending | None] = lane.start_reserved
        """Runs a connect or disconnect handler likewise; handlers that hang do not hold it up."""
        self.start_callback: Callable[..., Pending | None] | None = None
        """Runs a callback of an ack, in slots of their own; None before the first one."""
        self.text_size = 0
        """What the text takes whose attachments came last, or are due."""
        self.memberships: dict[str, Membership] = {}
        """The last membership of each namespace, those that are gone included, within bounds."""
        self.alive = 0
        """Memberships that are not gone: those above, and older ones whose handler still runs."""

    def joined(self, namespace: str) -> Membership | None:
        """Return the membership of a namespace that the client is in or joins, or None."""
        member = self.memberships.get(namespace)
        return member if member is not None and member.is_joined else None

    def join(self, session: Session, namespace: str, sid: str) -> Membership | None:
        """Begin a membership, whose connect handler is about to run.

        Args:
            session: The engine session of this client.
            namespace: The namespace.
            sid: The client's id there.

        Returns:
            None if the client is in the namespace already.
        """
        with self.lock:
            if self.joined(namespace) is not None:
                return None
            again = namespace in self.memberships
            member = self.memberships[namespace] = Membership(session, namespace, sid, again)
            self.alive += 1
            return member

    def is_stranger(self, namespace: str) -> bool:
        """Tell whether a client breaks the protocol by a packet for a namespace it is not in.

        It does not by one that comes late, after it has left or was made to.
        """
        member = self.memberships.get(namespace)
        return member is None or (member.state is PENDING and not member.again)

    def forget(self, member: Membership) -> None:
        """Note that a membership is gone; the caller holds the lock."""
        self.alive -= 1
        namespace = member.namespace
        if (
            len(self.memberships) > MAX_LEFT or len(namespace) > MAX_LEFT_NAME
        ) and self.memberships.get(namespace) is member:  # a later one may be forgotten already
            del self.memberships[namespace]


class Membership:
    """A client in a namespace.

    Args:
        session: Its engine session.
        namespace: The namespace.
        sid: Its id there.
        again: Whether it was there before, under another id.
    """

    __slots__ = (
        "acks",
        "again",
        "namespace",
        "rooms",
        "session",
        "sid",
        "state",
        "storage",
        "unwanted",
        "waiting",
    )

    def __init__(self, session: Session, namespace: str, sid: str, again: bool = False) -> None:
        self.session = session
        self.namespace = namespace
        self.sid = sid
        self.again = again
        self.state = PENDING
        """Changed by `become`, under the lock of its client."""
        self.waiting: list[EnginePacket] | None = []
        """What is sent to it before it is accepted.

        None while packets go straight to the session: the one thing that a broadcast asks of each
        member. Else the client's lock and the state say what becomes of a packet."""
        self.unwanted = False
        """Whether it is to go, which a connect handler that runs is not told before its end."""
        self.rooms: set[Any] | None = None
        """The rooms that it has entered, or None; changed by `RoomTable` only."""
        self.acks: AckCounter | None = None
        """The acks that it owes, or None."""
        self.storage: dict[str, Any] | None = None
        """The application's data of it, or None."""

    @property
    def client(self) -> Memberships:
        """What the server keeps of its engine session."""
        client: Memberships = self.session.client
        return client

    @property
    def is_joined(self) -> bool:
        """Whether it is connected, or about to be."""
        return self.state is CONNECTED or self.state is PENDING

    @property
    def is_departing(self) -> bool:
        """Whether it is about to go."""
        return self.unwanted or self.state is LEAVING

    def become(self, state: MemberState) -> bool:
        """Change the state; in threads, one caller alone does.

        Args:
            state: The new one.

        Returns:
            Whether it may follow the one there was.
        """
        client = self.client
        with client.lock:
            if state not in TRANSITIONS[self.state]:
                return False
            self.state = state
            if state is LEAVING or state is GONE:
                self.waiting = []  # nothing goes to the session any more
            if state is GONE:
                client.forget(self)
        return True

    def deliver(self, packets: list[EnginePacket]) -> None:
        """Send packets to a client to which they may not go straight; see `waiting`."""
        with self.client.lock:
            if self.state is PENDING and self.waiting is not None:
                self.waiting.extend(packets)
                return
            if self.state is not CONNECTED:
                return
        # Whoever held the lock has sent what waited, so these come after it.
        self.session.send_all(packets)

    def add_ack(self, callback: Any) -> int:
        """Keep a callback for an ack of this client, and return the ack's id."""
        acks = self.acks
        if acks is None:
            with self.client.lock:
                acks = self.acks = self.acks or AckCounter()
        return acks.add(callback)

    def take_acks(self) -> list[Any]:
        """Forget the acks that the client owes, and return their callbacks."""
        acks, self.acks = self.acks, None
        return acks.clear() if acks is not None else []
