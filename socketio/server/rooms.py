"""Who is in which room: the memberships of every namespace."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from .membership import PENDING, Membership

Room = Any
SEVERAL = (list, tuple, set, frozenset)


class NamespaceRooms:
    """The clients of one namespace, and its rooms."""

    __slots__ = ("members", "rooms")

    def __init__(self) -> None:
        self.members: dict[str, Membership] = {}
        """Every client by its id, those that are not accepted yet included.

        A client's own room is its entry; the room None are those that were accepted."""
        self.rooms: dict[Room, dict[str, Membership]] = {}
        """The other rooms, none of which is empty."""


class RoomTable:
    """The rooms of every namespace.

    The room None holds every connected client of its namespace, and every client has a room of
    its own, named like the client. Whoever reads iterates over a list that was made of a dict's
    values, which no other thread interrupts.
    """

    def __init__(self) -> None:
        self.namespaces: dict[str, NamespaceRooms] = {}
        self._lock = threading.RLock()  # for the flavour that has threads; never held long

    # -- changes --------------------------------------------------------------------------

    def add(self, member: Membership) -> None:
        """Take a client in; its own room is all that it is in."""
        with self._lock:
            rooms = self.namespaces.setdefault(member.namespace, NamespaceRooms())
            rooms.members[member.sid] = member

    def remove(self, member: Membership) -> None:
        """Take a client out of every room, its own too."""
        with self._lock:
            for room in list(member.rooms or ()):
                self.leave(member, room)
            here = self.namespaces.get(member.namespace)
            if here is not None:
                here.members.pop(member.sid, None)
                if not here.members:
                    del self.namespaces[member.namespace]

    def enter(self, member: Membership, room: Room) -> bool | None:
        """Put a client into a room, unless another thread has just forgotten the client.

        Returns:
            None if it is forgotten, else whether it was not in the room before.
        """
        with self._lock:
            here = self.namespaces.get(member.namespace)
            if here is None or here.members.get(member.sid) is not member:
                return None
            members = here.rooms.setdefault(room, {})
            if member.sid in members:
                return False
            members[member.sid] = member
            if member.rooms is None:
                member.rooms = set()
            member.rooms.add(room)
            return True

    def leave(self, member: Membership, room: Room) -> bool:
        """Take a client out of a room; an empty room is gone.

        Returns:
            Whether the client was in it.
        """
        with self._lock:
            if not member.rooms or room not in member.rooms:
                return False
            member.rooms.discard(room)
            rooms = self.namespaces[member.namespace].rooms
            del rooms[room][member.sid]
            if not rooms[room]:
                del rooms[room]
            return True

    # -- questions ------------------------------------------------------------------------

    def member(self, namespace: str, sid: str) -> Membership | None:
        """Return a client, or None."""
        here = self.namespaces.get(namespace)
        return here.members.get(sid) if here is not None else None

    def member_of_any(self, sid: str) -> Membership | None:
        """Return a client of whatever namespace, or None; ids are unique in all of them."""
        for here in list(self.namespaces.values()):
            member = here.members.get(sid)
            if member is not None:
                return member
        return None

    def everybody(self) -> list[Membership]:
        """Return the clients of all namespaces, those that are not accepted yet included."""
        return [
            member
            for here in list(self.namespaces.values())
            for member in list(here.members.values())
        ]

    def rooms_of(self, namespace: str, sid: str) -> list[Room]:
        """Return the rooms of a client, its own included."""
        member = self.member(namespace, sid)
        if member is None:
            return []
        with self._lock:
            return [sid, *(member.rooms or ())]

    def in_room(
        self, namespace: str, room: Room, newcomer: Membership | None = None
    ) -> list[Membership]:
        """Return who is in a room.

        Args:
            namespace: The namespace.
            room: One room, None for every client that was accepted, or a list, tuple or set of
                rooms.
            newcomer: A client that is one of "everyone" though it is not accepted yet, because
                it is its connect handler that sends to everyone (`connecting`).
        """
        here = self.namespaces.get(namespace)
        if here is None:
            return []
        if room is None:
            return [
                member
                for member in list(here.members.values())
                if member.state is not PENDING or member is newcomer
            ]
        if isinstance(room, SEVERAL):
            together: dict[str, Membership] = {}
            for one in room:
                for member in self.in_room(namespace, one, newcomer):
                    together[member.sid] = member
            return list(together.values())
        alone = here.members.get(room)
        if alone is not None:
            return [alone]
        members = here.rooms.get(room)
        return list(members.values()) if members else []


def without(members: list[Membership], skip_sid: object) -> list[Membership]:
    """Return members without those that are to be left out; see `as_set`."""
    skipped = as_set(skip_sid)
    return [member for member in members if member.sid not in skipped] if skipped else members


def as_set(sids: object) -> frozenset[str]:
    """Return the clients to leave out, given as None, one id or any iterable of ids.

    Anything else is no client's id and leaves nobody out: programs written for python-socketio
    say `skip_sid=True`, and it ignores that.
    """
    if not sids:
        return frozenset()
    if isinstance(sids, str):
        return frozenset((sids,))
    return frozenset(sids) if isinstance(sids, Iterable) else frozenset()
