"""Who is in which room: a pure data structure.

Called by managers; it knows ids and names, and nothing of connections.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

Room = Any
_SEVERAL = (list, tuple, set, frozenset)

Members = dict[str, str]
"""Engine session ids by client id."""


class RoomTable:
    """The rooms of every namespace.

    The room None holds every connected client of its namespace, and every client has a room of
    its own, named like the client.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, dict[Room, Members]] = {}
        self._entered: dict[str, dict[str, set[Room]]] = {}
        self._lock = threading.RLock()  # for the flavour that has threads; never held long

    def namespaces(self) -> Iterator[str]:
        """Return the namespaces that have clients."""
        return iter(list(self.rooms))

    def add_client(self, namespace: str, sid: str, eio_sid: str) -> None:
        """Give a client its own room."""
        with self._lock:
            self.rooms.setdefault(namespace, {})[sid] = {sid: eio_sid}

    def eio_sid(self, namespace: str, sid: str) -> str | None:
        """Return the engine session of a client, or None."""
        try:
            return self.rooms[namespace][sid][sid]
        except KeyError:
            return None

    def enter(self, namespace: str, sid: str, room: Room, eio_sid: str) -> None:
        """Put a client into a room."""
        with self._lock:
            self.rooms.setdefault(namespace, {}).setdefault(room, {})[sid] = eio_sid
            if room is not None:
                self._entered.setdefault(namespace, {}).setdefault(sid, set()).add(room)

    def enter_known(self, namespace: str, sid: str, room: Room) -> bool:
        """Put a client into a room, unless another thread has just forgotten it.

        Returns:
            Whether the client is known.
        """
        with self._lock:
            eio_sid = self.eio_sid(namespace, sid)
            if eio_sid is None:
                return False
            self.enter(namespace, sid, room, eio_sid)
            return True

    def leave(self, namespace: str, sid: str, room: Room) -> bool:
        """Take a client out of a room; an empty room is gone.

        Returns:
            Whether the client was in it.
        """
        with self._lock:
            rooms = self.rooms.get(namespace, {})
            members = rooms.get(room)
            if members is None or members.pop(sid, None) is None:
                return False
            if not members:
                rooms.pop(room, None)
            entered = self._entered.get(namespace, {})
            if sid in entered:
                entered[sid].discard(room)
                if not entered[sid]:
                    del entered[sid]
            return True

    def remove_client(self, namespace: str, sid: str) -> None:
        """Take a client out of every room, its own too."""
        with self._lock:
            for room in self._entered.get(namespace, {}).pop(sid, ()):
                self.leave(namespace, sid, room)
            self.leave(namespace, sid, None)
            rooms = self.rooms.get(namespace)
            if rooms is not None:
                rooms.pop(sid, None)
                if not rooms:
                    self.rooms.pop(namespace, None)
                    self._entered.pop(namespace, None)

    def close(self, namespace: str, room: Room) -> None:
        """Take every client out of a room."""
        for sid in list(self.rooms.get(namespace, {}).get(room, ())):
            self.leave(namespace, sid, room)

    def rooms_of(self, namespace: str, sid: str) -> list[Room]:
        """Return the rooms of a client, its own included."""
        if self.eio_sid(namespace, sid) is None:
            return []
        return [sid, *list(self._entered.get(namespace, {}).get(sid, ()))]

    def members(self, namespace: str, room: Room) -> Members:
        """Return who is in a room.

        Args:
            namespace: The namespace.
            room: One room, None for everyone, or a list, tuple or set of rooms.
        """
        rooms = self.rooms.get(namespace)
        if rooms is None:
            return {}
        if isinstance(room, _SEVERAL):
            together: Members = {}
            for one in room:
                together.update(rooms.get(one, {}))
            return together
        return rooms.get(room, {})


def includes_everyone(room: Room) -> bool:
    """Tell whether a room, or one of several, is the one of every connected client."""
    return room is None or (isinstance(room, _SEVERAL) and None in room)


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
