# Generated from socketio/_async/namespace.py by tools/unasync.py, do not edit.
"""Class-based namespaces of servers: an application's handlers as the methods of a class."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from .._core.base_namespace import BaseServerNamespace
from .life_cycle import DispatchingNamespace


class Namespace(DispatchingNamespace, BaseServerNamespace):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    One instance serves all clients of its namespace. Methods that take a namespace use its own
    when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

    def emit(
        self,
        event: str,
        data: Any = None,
        to: Any = None,
        room: Any = None,
        skip_sid: Any = None,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        ignore_queue: bool = False,
        wait: bool = False,
    ) -> None:
        """Send an event to clients of this namespace; see `Server.emit`."""
        self.server.emit(
            event,
            data=data,
            to=to,
            room=room,
            skip_sid=skip_sid,
            namespace=namespace or self.namespace,
            callback=callback,
            ignore_queue=ignore_queue,
            wait=wait,
        )

    def send(
        self,
        data: Any,
        to: Any = None,
        room: Any = None,
        skip_sid: Any = None,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        ignore_queue: bool = False,
        wait: bool = False,
    ) -> None:
        """Send the event `message` to clients of this namespace; see `Server.emit`."""
        self.server.send(
            data,
            to=to,
            room=room,
            skip_sid=skip_sid,
            namespace=namespace or self.namespace,
            callback=callback,
            ignore_queue=ignore_queue,
            wait=wait,
        )

    def call(
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float | None = None,
        ignore_queue: bool = False,
    ) -> Any:
        """Send an event to one client and wait for its ack; see `Server.call`.

        Without a timeout this waits until the client answers or is gone.
        """
        return self.server.call(
            event,
            data=data,
            to=to,
            sid=sid,
            namespace=namespace or self.namespace,
            timeout=timeout,
            ignore_queue=ignore_queue,
        )

    def flushed(self, sid: str, namespace: str | None = None, timeout: float | None = None) -> bool:
        """Wait until a client's connection has taken all; see `Server.flushed`."""
        taken: bool = self.server.flushed(
            sid, namespace=namespace or self.namespace, timeout=timeout
        )
        return taken

    def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room; see `Server.enter_room`."""
        self.server.enter_room(sid, room, namespace=namespace or self.namespace)

    def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room; see `Server.leave_room`."""
        self.server.leave_room(sid, room, namespace=namespace or self.namespace)

    def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take every client out of a room; see `Server.close_room`."""
        self.server.close_room(room, namespace=namespace or self.namespace)

    def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """Return the application's data of a client; see `Server.get_session`."""
        data: dict[str, Any] = self.server.get_session(sid, namespace=namespace or self.namespace)
        return data

    def save_session(self, sid: str, session: dict[str, Any], namespace: str | None = None) -> None:
        """Replace the application's data of a client; see `Server.save_session`."""
        self.server.save_session(sid, session, namespace=namespace or self.namespace)

    def session(
        self, sid: str, namespace: str | None = None
    ) -> AbstractContextManager[dict[str, Any]]:
        """Give the application's data of a client for a block; see `Server.session`."""
        return self.server.session(sid, namespace=namespace or self.namespace)  # type: ignore[no-any-return]  # the server is typed loosely here

    def disconnect(self, sid: str, namespace: str | None = None) -> None:
        """Disconnect a client; see `Server.disconnect`."""
        self.server.disconnect(sid, namespace=namespace or self.namespace)
