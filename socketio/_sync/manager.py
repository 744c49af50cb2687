# Generated from socketio/_async/manager.py by tools/unasync.py, do not edit.
"""The client manager of one process, which holds its clients in memory."""

from __future__ import annotations

from typing import Any

from .._core.logs import escaped
from ..runtimes.synchronous import settled
from ..server.base_manager import BaseManager
from ..server.rooms import Room


class Manager(BaseManager):
    """The client manager of a server that is one process."""

    def can_disconnect(self, sid: str, namespace: str) -> bool:
        """Tell whether a client is connected to this very server."""
        return self.is_connected(sid, namespace)

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
        """Send an event to the clients in a room.

        Args:
            event: The event's name.
            data: Its arguments: a tuple for several, None for none.
            namespace: The namespace; None means `/`.
            room: A room, a list of rooms, or None for everyone in the namespace.
            skip_sid: A client, or an iterable of clients, to leave out.
            callback: Called with the values of each client's ack.
            to: Another name of `room`.
            **kwargs: Further arguments of other managers, without meaning here.
        """
        self.emit_here(
            event, data, namespace or "/", room if to is None else to, skip_sid, callback
        )

    def disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Forget a client that has gone.

        Args:
            sid: The client.
            namespace: Its namespace.
            **kwargs: Further arguments of other managers, without meaning here.
        """
        self.basic_disconnect(sid, namespace, **kwargs)

    def enter_room(self, sid: str, namespace: str, room: Room, eio_sid: str | None = None) -> None:
        """Put a client into a room; see `BaseManager.basic_enter_room`."""
        self.basic_enter_room(sid, namespace, room, eio_sid)

    def leave_room(self, sid: str, namespace: str, room: Room) -> None:
        """Take a client out of a room."""
        self.basic_leave_room(sid, namespace, room)

    def close_room(self, room: Room, namespace: str) -> None:
        """Take every client out of a room; see `BaseManager.basic_close_room`."""
        self.basic_close_room(room, namespace)

    def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:
        """Call back who waits for an ack; an unknown or repeated one is ignored.

        Args:
            sid: The client that answered.
            id: The ack's id.
            data: The values it sent.
        """
        callback = self.pop_callback(sid, id)
        if callback is None:
            self.get_logger().debug("unknown ack %d of %s ignored", id, escaped(sid))
            return
        settled(callback(*data))

    def start(self) -> None:
        """Get ready, after `initialize` and before the first client; nothing to do here."""

    def shutdown(self) -> None:
        """Release what the manager holds; nothing here."""
