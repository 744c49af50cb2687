"""What all client managers know: who is connected where, in which rooms, with which acks due.

Nothing in here waits. What is kept of a client is its `Membership`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from .._core import forks
from ..protocol.engine import MESSAGE, EnginePacket
from ..protocol.packets import AckCounter, arguments_of
from .connecting import connecting
from .membership import CONNECTED, GONE, PENDING, Membership
from .observers import Observers
from .rooms import Room, RoomTable, without
from .views import MembersView, NamespaceView, view_callbacks, view_rooms, view_sids

default_logger = logging.getLogger("socketio")


class BaseManager:
    """The clients of one server, by namespace and room."""

    def __init__(self) -> None:
        self.logger: logging.Logger | None = None
        self.json: Any = json
        self.server: Any = None
        self.table = RoomTable()
        self.observers = Observers(default_logger)
        """Who is told of rooms; the server's own when there is one."""
        forks.watch(self)

    def after_fork(self) -> None:
        """Have no clients in a forked child: they are the parent's; see `socketio._core.forks`."""
        forks.keep(self.table)
        self.table = RoomTable()

    # -- what programs written for python-socketio read ------------------------------------

    @property
    def rooms(self) -> Mapping[str, NamespaceView]:
        """Namespace → room → client id → engine session id; the room None holds everyone."""
        return view_rooms(self.table)

    @property
    def eio_to_sid(self) -> Mapping[str, Mapping[str, str]]:
        """Engine session id → namespace → client id."""
        return {} if self.server is None else view_sids(self.server)

    @property
    def callbacks(self) -> Mapping[str, AckCounter]:
        """Client id → the acks that it owes."""
        return view_callbacks(self.table)

    @property
    def pending_connect(self) -> AbstractSet[tuple[str, str]]:
        """Namespaces and ids of the clients whose connect handlers run."""
        return MembersView(self.table, lambda member: member.state is PENDING)

    @property
    def pending_disconnect(self) -> AbstractSet[tuple[str, str]]:
        """Namespaces and ids of the clients that are about to go."""
        return MembersView(self.table, lambda member: member.is_departing)

    # -- life -----------------------------------------------------------------------------

    def ready(self) -> bool:
        """Tell whether the clients of all processes can be reached; a manager in memory can."""
        return True

    def set_server(self, server: Any) -> None:
        """Tell the manager its server."""
        self.server = server

    def initialize(self) -> None:
        """Begin to work; called once, before the first client."""

    def get_logger(self) -> logging.Logger:
        """Return the manager's logger, else the server's."""
        if self.logger is None:
            self.logger = self.server.logger if self.server else default_logger
        return self.logger

    _get_logger = get_logger

    # -- clients --------------------------------------------------------------------------

    def get_namespaces(self) -> Iterator[str]:
        """Return the namespaces that have clients."""
        return iter(list(self.table.namespaces))

    def get_participants(self, namespace: str, room: Room) -> Iterator[tuple[str, str]]:
        """Yield `(sid, eio_sid)` of the clients in a room, or in any of several rooms."""
        for member in self.table.in_room(namespace, room):
            yield member.sid, member.session.sid

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Allocate the id of a client whose connect handler is about to run.

        Returns:
            The id, or None when this engine session is in the namespace already or has ended.
        """
        session = self.server.find_session(eio_sid)
        if session is None:
            return None
        sid: str = self.server.eio.generate_id()
        member: Membership | None = session.client.join(session, namespace, sid)
        if member is None:
            return None
        self.table.add(member)
        return sid

    def connect(self, eio_sid: str, namespace: str) -> str | None:
        """Make a client a connected one, which broadcasts reach.

        Returns:
            Its id; None when it is in the namespace already and was not pending.
        """
        sid = self.sid_from_eio_sid(eio_sid, namespace) or self.pre_connect(eio_sid, namespace)
        member = None if sid is None else self.table.member(namespace, sid)
        return sid if member is not None and member.become(CONNECTED) else None

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether a client's connect handler is still running."""
        member = self.table.member(namespace, sid)
        return member is not None and member.state is PENDING

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether a client is connected and not about to go."""
        member = self.table.member(namespace, sid)
        return member is not None and member.state is CONNECTED and not member.unwanted

    def is_departing(self, sid: str, namespace: str) -> bool:
        """Tell whether a client is about to go."""
        member = self.table.member(namespace, sid)
        return member is not None and member.is_departing

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """Return the client id of an engine session in a namespace, or None."""
        session = None if self.server is None else self.server.find_session(eio_sid)
        member = None if session is None else session.client.joined(namespace)
        return None if member is None else member.sid

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """Return the engine session of a client, or None when it is not of this server."""
        member = self.table.member(namespace, sid)
        return None if member is None else member.session.sid

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Mark a client as about to go: it counts as not connected from here on.

        Returns:
            Its engine session.
        """
        member = self.table.member(namespace, sid)
        if member is None:
            return None
        member.unwanted = True
        return member.session.sid

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Forget a client: its rooms, and the acks that it owes."""
        member = self.table.member(namespace, sid)
        if member is None:
            return
        self.table.remove(member)
        member.become(GONE)
        for callback in member.take_acks():
            self.unreachable(callback)

    # -- sending --------------------------------------------------------------------------

    def emit_here(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Room = None,
        skip_sid: Any = None,
        callback: Any = None,
    ) -> None:
        """Send an event to the clients of this process; the arguments are those of `emit`.

        A client whose connect handler calls this is one of "everyone".
        """
        members = self.table.in_room(namespace, room, connecting.get())
        if skip_sid:
            members = without(members, skip_sid)
        if callback is None:
            if members:
                self.deliver_event(members, namespace, event, data)
            return
        if not members:
            self.unreachable(callback)
        for member in members:
            ack_id = self._expect_ack(member, callback)
            if ack_id is not None:
                self.deliver_event([member], namespace, event, data, ack_id)

    def deliver_event(
        self,
        members: list[Membership],
        namespace: str,
        event: str,
        data: Any,
        ack_id: int | None = None,
    ) -> None:
        """Send an event to clients of this process: encoded once, written to each.

        Args:
            members: The clients; nobody else changes this list meanwhile.
            namespace: Their namespace.
            event: The event's name.
            data: Its arguments: a tuple for several, None for none.
            ack_id: Ask for an ack with this id.
        """
        server = self.server
        arguments = [event, *arguments_of(data)]
        encoded = server.packet_class.encode_event(arguments, namespace, ack_id)
        if isinstance(encoded, list):
            one, packets = None, [EnginePacket(MESSAGE, part) for part in encoded]
        else:
            one = EnginePacket(MESSAGE, encoded)
            packets = [one]
        if server.pressed.drops_events and ack_id is None:
            packets[0].event = event, len(packets)
        if server.observers:
            server.tell_sent(packets, len(members))
            sids = [member.sid for member in members]
            server.observers.tell("event_sent", namespace, sids, event, data)
        for member in members:
            if member.waiting is not None:
                member.deliver(packets)
            elif one is not None:
                member.session.send(one)
            else:
                member.session.send_all(packets)

    def _expect_ack(self, member: Membership, callback: Any) -> int | None:
        """Keep a callback for the ack of a client, and return the ack's id; None: it is going."""
        if not member.is_joined:
            self.unreachable(callback)
            return None
        ack_id = member.add_ack(callback)
        if member.state is GONE:  # by another thread, which may not have seen this one
            for owed in member.take_acks():
                self.unreachable(owed)
        return ack_id

    # -- rooms ----------------------------------------------------------------------------

    def is_sid_room(self, namespace: str, room: Room) -> bool:
        """Tell whether a room is some client's own."""
        return isinstance(room, str) and self.table.member(namespace, room) is not None

    def basic_enter_room(
        self, sid: str, namespace: str, room: Room, eio_sid: str | None = None
    ) -> None:
        """Put a client into a room.

        Args:
            sid: The client.
            namespace: Its namespace.
            room: The room. None is the one of every connected client, which each is in.
            eio_sid: The client's engine session, which need not be given.

        Raises:
            ValueError: The client is not connected to the namespace, or the room is another
                client's own.
        """
        if room == sid:
            return
        if self.is_sid_room(namespace, room):
            raise ValueError("Cannot enter a room that is another client's own")
        member = self.table.member(namespace, sid)
        entered = None
        if member is not None:
            entered = False if room is None else self.table.enter(member, room)
        if entered is None:
            raise ValueError(f"sid {sid} is not connected to namespace {namespace}")
        if entered and self.observers:
            self.observers.tell("room_entered", namespace, room, sid)

    def basic_leave_room(self, sid: str, namespace: str, room: Room) -> None:
        """Take a client out of a room; harmless when it is not in it."""
        member = self.table.member(namespace, sid)
        if member is not None and self.table.leave(member, room) and self.observers:
            self.observers.tell("room_left", namespace, room, sid)

    def basic_close_room(self, room: Room, namespace: str) -> None:
        """Take every client out of a room.

        Raises:
            ValueError: The room is a client's own.
        """
        if self.is_sid_room(namespace, room):
            raise ValueError("Cannot close a room that is a client's own")
        if room is None:
            return
        for member in self.table.in_room(namespace, room):
            self.basic_leave_room(member.sid, namespace, room)

    def get_rooms(self, sid: str, namespace: str) -> list[Room]:
        """Return the rooms of a client, its own included."""
        return self.table.rooms_of(namespace, sid)

    # -- acks -----------------------------------------------------------------------------

    def pop_callback(self, sid: str, ack_id: int) -> Callable[..., Any] | None:
        """Return the callback of an ack and forget it; None for an unknown or repeated ack."""
        member = self.table.member_of_any(sid)
        acks = None if member is None else member.acks
        return None if acks is None else acks.pop(ack_id)

    def forget_callback(self, callback: Callable[..., Any], namespace: str, room: Room) -> None:
        """Wait no more for the acks of clients of this process to an event.

        Args:
            callback: What the event was sent with.
            namespace: Its namespace.
            room: To whom it was sent.
        """
        for member in self.table.in_room(namespace, room):
            if member.acks is not None:
                member.acks.discard(callback)

    def unreachable(self, callback: Any) -> None:
        """Tell who waits for an ack that it will never come."""
        fail = getattr(callback, "fail", None)
        if fail is not None:
            fail()
