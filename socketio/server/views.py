"""What programs written for python-socketio read of a server's insides, as read-only mappings.

Each says what the memberships say, at the moment in which it is asked; none keeps anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

from ..protocol.packets import AckCounter
from .membership import PENDING, Membership
from .rooms import NamespaceRooms, Room, RoomTable

if TYPE_CHECKING:
    from ..base_server import BaseServer
    from ..engine.session import Session

K = TypeVar("K")
V = TypeVar("V")


class View(Mapping[K, V]):
    """A mapping that is what a function returns for a key.

    Subclasses supply `__getitem__` and `_keys`.
    """

    __slots__ = ()

    def _keys(self) -> list[K]:
        """Return the keys that there are now."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        return repr(dict(self))


class RoomView(View[str, str]):
    """The engine session of each client in a room, by client id."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Membership]) -> None:
        self._members = members

    def __getitem__(self, sid: str) -> str:
        return self._members[sid].session.sid

    def _keys(self) -> list[str]:
        return list(self._members)


class NamespaceView(View[Room, RoomView]):
    """The rooms of a namespace by name: everyone's is None, each client's own is its id."""

    __slots__ = ("_here",)

    def __init__(self, here: NamespaceRooms) -> None:
        self._here = here

    def _everyone(self) -> dict[str, Membership]:
        members = list(self._here.members.values())
        return {member.sid: member for member in members if member.state is not PENDING}

    def __getitem__(self, room: Room) -> RoomView:
        if room is None:
            everyone = self._everyone()
            if not everyone:
                raise KeyError(room)
            return RoomView(everyone)
        alone = self._here.members.get(room)
        return RoomView(self._here.rooms[room] if alone is None else {alone.sid: alone})

    def _keys(self) -> list[Room]:
        everyone = [None] if self._everyone() else []
        return [*everyone, *list(self._here.members), *list(self._here.rooms)]


class RoomsView(View[str, NamespaceView]):
    """The rooms of every namespace."""

    __slots__ = ("_table",)

    def __init__(self, table: RoomTable) -> None:
        self._table = table

    def __getitem__(self, namespace: str) -> NamespaceView:
        return NamespaceView(self._table.namespaces[namespace])

    def _keys(self) -> list[str]:
        return list(self._table.namespaces)


class CallbacksView(View[str, AckCounter]):
    """The acks that clients owe, by client id."""

    __slots__ = ("_table",)

    def __init__(self, table: RoomTable) -> None:
        self._table = table

    def __getitem__(self, sid: str) -> AckCounter:
        member = self._table.member_of_any(sid)
        if member is None or not member.acks:
            raise KeyError(sid)
        return member.acks

    def _keys(self) -> list[str]:
        return [member.sid for member in self._table.everybody() if member.acks]


class MembersView(AbstractSet[tuple[str, str]]):
    """Namespaces and ids of the clients for which a function is true."""

    __slots__ = ("_belongs", "_table")

    def __init__(self, table: RoomTable, belongs: Callable[[Membership], bool]) -> None:
        self._table = table
        self._belongs = belongs

    @classmethod
    def _from_iterable(cls, pairs: Any) -> Any:
        return frozenset(pairs)  # what unions and the like are

    def __contains__(self, pair: object) -> bool:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            return False
        member = self._table.member(*pair)
        return member is not None and self._belongs(member)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(
            [
                (member.namespace, member.sid)
                for member in self._table.everybody()
                if self._belongs(member)
            ]
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(set(self))


class SidsView(View[str, Mapping[str, str]]):
    """The client ids of each engine session by namespace, by the engine session's id."""

    __slots__ = ("_server",)

    def __init__(self, server: BaseServer) -> None:
        self._server = server

    def __getitem__(self, eio_sid: str) -> Mapping[str, str]:
        session = self._server.find_session(eio_sid)
        sids = _sids(session) if session is not None else {}
        if not sids:
            raise KeyError(eio_sid)
        return sids

    def _keys(self) -> list[str]:
        return [session.sid for session in self._server.live_sessions() if _sids(session)]


class EnvironsView(View[str, dict[str, Any]], MutableMapping[str, dict[str, Any]]):
    """The request of each engine session, by its id."""

    __slots__ = ("_server",)

    def __init__(self, server: BaseServer) -> None:
        self._server = server

    def __getitem__(self, eio_sid: str) -> dict[str, Any]:
        session = self._server.find_session(eio_sid)
        if session is None:
            raise KeyError(eio_sid)
        return session.environ

    def __setitem__(self, eio_sid: str, environ: dict[str, Any]) -> None:
        # Flask-SocketIO's test client gives one to a session that it opens afterwards, with
        # another one: for a session that is not there, there is nothing to keep.
        session = self._server.find_session(eio_sid)
        if session is not None:
            session.environ = environ

    def __delitem__(self, eio_sid: str) -> None:
        raise TypeError("the request of an engine session lives as long as the session")

    def _keys(self) -> list[str]:
        return [session.sid for session in self._server.live_sessions()]


def _sids(session: Session) -> dict[str, str]:
    memberships = list(session.client.memberships.values())
    return {member.namespace: member.sid for member in memberships if member.is_joined}
