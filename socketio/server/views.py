"""What programs written for python-socketio read of a server's insides, as read-only mappings.

Each says what the memberships say, at the moment in which it is asked; none keeps anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..protocol.packets import AckCounter
from .membership import PENDING, Membership
from .rooms import NamespaceRooms, Room, RoomTable

if TYPE_CHECKING:
    from ..engine.session import Session

K = TypeVar("K")
V = TypeVar("V")


class View(Mapping[K, V]):
    """A mapping that is made of two functions.

    Args:
        get: Returns the value of a key, or raises KeyError.
        keys: Returns the keys that there are now.
    """

    __slots__ = ("_get", "_keys")

    def __init__(self, get: Callable[[K], V], keys: Callable[[], Collection[K]]) -> None:
        self._get = get
        self._keys = keys

    def __getitem__(self, key: K) -> V:
        return self._get(key)

    def __iter__(self) -> Iterator[K]:
        return iter(list(self._keys()))

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        return repr(dict(self))


RoomView = View[str, str]
"""The engine session of each client in a room, by client id."""

NamespaceView = View[Room, RoomView]
"""The rooms of a namespace: everyone's is None, each client's own is its id."""


def view_rooms(table: RoomTable) -> View[str, NamespaceView]:
    """Return the rooms of every namespace."""
    namespaces = table.namespaces
    return View(lambda namespace: _view_namespace(namespaces[namespace]), namespaces.keys)


def _view_namespace(here: NamespaceRooms) -> NamespaceView:
    def everyone() -> dict[str, Membership]:
        members = list(here.members.values())
        return {member.sid: member for member in members if member.state is not PENDING}

    def get(room: Room) -> RoomView:
        if room is None:
            members = everyone()
            if not members:
                raise KeyError(room)
        else:
            alone = here.members.get(room)
            members = here.rooms[room] if alone is None else {alone.sid: alone}
        return View(lambda sid: members[sid].session.sid, members.keys)

    def keys() -> list[Room]:
        return [*([None] if everyone() else ()), *list(here.members), *list(here.rooms)]

    return View(get, keys)


def view_callbacks(table: RoomTable) -> View[str, AckCounter]:
    """Return the acks that clients owe, by client id."""

    def get(sid: str) -> AckCounter:
        member = table.member_of_any(sid)
        if member is None or not member.acks:
            raise KeyError(sid)
        return member.acks

    return View(get, lambda: [member.sid for member in table.everybody() if member.acks])


class ServesSessions(Protocol):
    """A server, of which only the sessions are looked at."""

    def find_session(self, eio_sid: str) -> Session | None:
        """Return an engine session by its id."""

    def live_sessions(self) -> Collection[Session]:
        """Return the engine sessions."""


def view_sids(server: ServesSessions) -> View[str, Mapping[str, str]]:
    """Return the client ids of each engine session by namespace, by the engine session's id."""

    def get(eio_sid: str) -> Mapping[str, str]:
        session = server.find_session(eio_sid)
        sids = _sids(session) if session is not None else {}
        if not sids:
            raise KeyError(eio_sid)
        return sids

    return View(get, lambda: [one.sid for one in server.live_sessions() if _sids(one)])


def _sids(session: Session) -> dict[str, str]:
    memberships = list(session.client.memberships.values())
    return {member.namespace: member.sid for member in memberships if member.is_joined}


class EnvironsView(View[str, dict[str, Any]], MutableMapping[str, dict[str, Any]]):
    """The request of each engine session, by its id."""

    __slots__ = ("_find",)

    def __init__(self, server: ServesSessions) -> None:
        super().__init__(self._environ_of, lambda: [one.sid for one in server.live_sessions()])
        self._find = server.find_session

    def _environ_of(self, eio_sid: str) -> dict[str, Any]:
        session = self._find(eio_sid)
        if session is None:
            raise KeyError(eio_sid)
        return session.environ

    def __setitem__(self, eio_sid: str, environ: dict[str, Any]) -> None:
        # Flask-SocketIO's test client gives one to a session that it opens afterwards, with
        # another one: for a session that is not there, there is nothing to keep.
        session = self._find(eio_sid)
        if session is not None:
            session.environ = environ

    def __delitem__(self, eio_sid: str) -> None:
        raise TypeError("the request of an engine session lives as long as the session")


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
