"""What all client managers know: who is connected where, in which rooms, with which acks due.

Called by servers and by the managers of both flavours; it knows ids and rooms. Nothing waits.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ._core import forks
from ._core.connecting import connecting
from ._core.rooms import Members, Room, RoomTable, as_set, includes_everyone
from .protocol.packets import AckCounter

default_logger = logging.getLogger("socketio")


class BaseManager:
    """The clients of one server, by namespace and room."""

    def __init__(self) -> None:
        self.logger: logging.Logger | None = None
        self.json: Any = json
        self.server: Any = None
        self._forget_all()
        forks.watch(self)

    def _forget_all(self) -> None:
        self.table = RoomTable()
        self.eio_to_sid: dict[str, dict[str, str]] = {}
        self._sids_lock = threading.Lock()  # for the flavour that has threads; never held long
        self.callbacks: dict[str, AckCounter] = {}
        self.pending_connect: set[tuple[str, str]] = set()
        self.pending_disconnect: set[tuple[str, str]] = set()

    def after_fork(self) -> None:
        """Have no clients in a forked child: they are the parent's; see `socketio._core.forks`."""
        forks.keep(self.callbacks)
        self._forget_all()

    @property
    def rooms(self) -> dict[str, dict[Room, Members]]:
        """Namespace → room → client id → engine session id; the room None holds everyone."""
        return self.table.rooms

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
        return self.table.namespaces()

    def get_participants(self, namespace: str, room: Room) -> Iterator[tuple[str, str]]:
        """Yield `(sid, eio_sid)` of the clients in a room, or in any of several rooms."""
        yield from list(self.table.members(namespace, room).items())

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Allocate the id of a client whose connect handler is about to run.

        Returns:
            The id, or None when this engine session is in the namespace already.
        """
        sid: str = self.server.eio.generate_id()
        with self._sids_lock:
            if self.eio_to_sid.setdefault(eio_sid, {}).setdefault(namespace, sid) != sid:
                return None
        self.pending_connect.add((namespace, sid))
        self.table.add_client(namespace, sid, eio_sid)
        return sid

    def connect(self, eio_sid: str, namespace: str) -> str | None:
        """Make a client a connected one, which broadcasts reach.

        Returns:
            Its id; None when it is in the namespace already and was not pending.
        """
        sid = self.sid_from_eio_sid(eio_sid, namespace)
        if sid is None:
            sid = self.pre_connect(eio_sid, namespace)
        elif (namespace, sid) not in self.pending_connect:
            return None
        if sid is not None:
            # At every moment one of both says that it is there; see `emit_here`.
            self.table.enter(namespace, sid, None, eio_sid)
            self.pending_connect.discard((namespace, sid))
        return sid

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether a client's connect handler is still running."""
        return (namespace, sid) in self.pending_connect

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether a client is connected and not about to go."""
        key = (namespace, sid)
        return (
            key not in self.pending_connect
            and key not in self.pending_disconnect
            and self.table.eio_sid(namespace, sid) is not None
        )

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """Return the client id of an engine session in a namespace, or None."""
        return self.eio_to_sid.get(eio_sid, {}).get(namespace)

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """Return the engine session of a client, or None when it is not of this server."""
        return self.table.eio_sid(namespace, sid)

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Mark a client as about to go: it counts as not connected from here on.

        Returns:
            Its engine session.
        """
        self.pending_disconnect.add((namespace, sid))
        return self.table.eio_sid(namespace, sid)

    def release(self, eio_sid: str, namespace: str, sid: str) -> None:
        """Let an engine session join a namespace anew, under another id.

        Args:
            eio_sid: The engine session.
            namespace: The namespace.
            sid: The client id under which it was there.
        """
        with self._sids_lock:
            sids = self.eio_to_sid.get(eio_sid, {})
            if sids.get(namespace) == sid:
                del sids[namespace]
            if not sids:
                self.eio_to_sid.pop(eio_sid, None)

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Forget a client: its rooms, and the acks that it owes."""
        key = (namespace, sid)
        eio_sid = self.table.eio_sid(namespace, sid)
        if eio_sid is not None:
            self.release(eio_sid, namespace, sid)
        self.table.remove_client(namespace, sid)
        self.pending_connect.discard(key)
        self.pending_disconnect.discard(key)
        owed = self.callbacks.pop(sid, None)
        if owed is not None:
            for callback in owed.clear():
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
        # Asked before the members are: whoever is accepted in between is one of these then.
        newcomer = self._newcomer(namespace, room) if self.pending_connect else None
        members = self.table.members(namespace, room)
        if newcomer is not None:  # it is told by itself, and once
            members = {sid: eio for sid, eio in list(members.items()) if sid != newcomer}
        if skip_sid:
            skipped = as_set(skip_sid)
            members = {sid: eio for sid, eio in members.items() if sid not in skipped}
            newcomer = None if newcomer in skipped else newcomer
        if callback is None:
            if members:
                self.server.deliver(members, namespace, event, data)
            if newcomer is not None:
                self.server.deliver_to_newcomer(newcomer, namespace, event, data)
            return
        if not members and newcomer is None:
            self.unreachable(callback)
        for sid, eio_sid in list(members.items()):
            ack_id = self.add_callback(sid, callback)
            self.server.deliver({sid: eio_sid}, namespace, event, data, ack_id)
        if newcomer is not None:
            ack_id = self.add_callback(newcomer, callback)
            self.server.deliver_to_newcomer(newcomer, namespace, event, data, ack_id)

    def _newcomer(self, namespace: str, room: Room) -> str | None:
        """Return the client whose connect handler emits to everyone, itself included, or None."""
        client = connecting.get()
        if client is None or client not in self.pending_connect or client[0] != namespace:
            return None
        return client[1] if includes_everyone(room) else None

    # -- rooms ----------------------------------------------------------------------------

    def is_sid_room(self, namespace: str, room: Room) -> bool:
        """Tell whether a room is some client's own."""
        return isinstance(room, str) and self.table.eio_sid(namespace, room) is not None

    def basic_enter_room(
        self, sid: str, namespace: str, room: Room, eio_sid: str | None = None
    ) -> None:
        """Put a client into a room.

        Raises:
            ValueError: The client is not connected to the namespace, or the room is another
                client's own.
        """
        if room == sid:
            return
        if self.is_sid_room(namespace, room):
            raise ValueError("Cannot enter a room that is another client's own")
        if eio_sid is not None:
            self.table.enter(namespace, sid, room, eio_sid)
        elif not self.table.enter_known(namespace, sid, room):
            raise ValueError(f"sid {sid} is not connected to namespace {namespace}")

    def basic_leave_room(self, sid: str, namespace: str, room: Room) -> None:
        """Take a client out of a room; harmless when it is not in it."""
        if room != sid:
            self.table.leave(namespace, sid, room)

    def basic_close_room(self, room: Room, namespace: str) -> None:
        """Take every client out of a room.

        Raises:
            ValueError: The room is a client's own.
        """
        if self.is_sid_room(namespace, room):
            raise ValueError("Cannot close a room that is a client's own")
        if room is not None:
            self.table.close(namespace, room)

    def get_rooms(self, sid: str, namespace: str) -> list[Room]:
        """Return the rooms of a client, its own included."""
        return self.table.rooms_of(namespace, sid)

    # -- acks -----------------------------------------------------------------------------

    def add_callback(self, sid: str, callback: Callable[..., Any]) -> int:
        """Keep a callback for the ack of a client, and return the ack's id."""
        return self.callbacks.setdefault(sid, AckCounter()).add(callback)

    def callback_of(self, sid: str, ack_id: int) -> Callable[..., Any] | None:
        """Return the callback of an ack, which goes on waiting; None for an unknown one."""
        counter = self.callbacks.get(sid)
        return counter.get(ack_id) if counter is not None else None

    def pop_callback(self, sid: str, ack_id: int) -> Callable[..., Any] | None:
        """Return the callback of an ack and forget it; None for an unknown or repeated ack."""
        counter = self.callbacks.get(sid)
        return counter.pop(ack_id) if counter is not None else None

    def forget_callback(self, callback: Callable[..., Any], namespace: str, room: Room) -> None:
        """Wait no more for the acks of clients of this process to an event.

        Args:
            callback: What the event was sent with.
            namespace: Its namespace.
            room: To whom it was sent.
        """
        for sid in list(self.table.members(namespace, room)):
            counter = self.callbacks.get(sid)
            if counter is not None:
                counter.discard(callback)

    def unreachable(self, callback: Any) -> None:
        """Tell who waits for an ack that it will never come."""
        fail = getattr(callback, "fail", None)
        if fail is not None:
            fail()
