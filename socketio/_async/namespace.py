"""Class-based namespaces of servers: an application's handlers as the methods of a class."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from .._core.base_namespace import BaseServerNamespace
from .life_cycle import DispatchingNamespace


class AsyncNamespace(DispatchingNamespace, BaseServerNamespace):
    """A namespace whose handlers are the methods `on_<event>` of a subclass.

    One instance serves all clients of its namespace. Methods that take a namespace use its own
    when none is given.

    Args:
        namespace: Its name; None means `/`, `*` means every one that has no handler of its own.
    """

    async def emit(
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
        """Send an event to clients of this namespace; see `AsyncServer.emit`."""
        await self.server.emit(
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

    async def send(
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
        """Send the event `message` to clients of this namespace; see `AsyncServer.emit`."""
        await self.server.send(
            data,
            to=to,
            room=room,
            skip_sid=skip_sid,
            namespace=namespace or self.namespace,
            callback=callback,
            ignore_queue=ignore_queue,
            wait=wait,
        )

    async def call(
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float | None = None,
        ignore_queue: bool = False,
    ) -> Any:
        """Send an event to one client and wait for its ack; see `AsyncServer.call`.

        Without a timeout this waits until the client answers or is gone.
        """
        return await self.server.call(
            event,
            data=data,
            to=to,
            sid=sid,
            namespace=namespace or self.namespace,
            timeout=timeout,
            ignore_queue=ignore_queue,
        )

    async def flushed(
        self, sid: str, namespace: str | None = None, timeout: float | None = None
    ) -> bool:
        """Wait until a client's connection has taken all; see `AsyncServer.flushed`."""
        taken: bool = await self.server.flushed(
            sid, namespace=namespace or self.namespace, timeout=timeout
        )
        return taken

    async def enter_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Put a client into a room; see `AsyncServer.enter_room`."""
        await self.server.enter_room(sid, room, namespace=namespace or self.namespace)

    async def leave_room(self, sid: str, room: Any, namespace: str | None = None) -> None:
        """Take a client out of a room; see `AsyncServer.leave_room`."""
        await self.server.leave_room(sid, room, namespace=namespace or self.namespace)

    async def close_room(self, room: Any, namespace: str | None = None) -> None:
        """Take every client out of a room; see `AsyncServer.close_room`."""
        await self.server.close_room(room, namespace=namespace or self.namespace)

    async def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """Return the application's data of a client; see `AsyncServer.get_session`."""
        data: dict[str, Any] = await self.server.get_session(
            sid, namespace=namespace or self.namespace
        )
        return data

    async def save_session(
        self, sid: str, session: dict[str, Any], namespace: str | None = None
    ) -> None:
        """Replace the application's data of a client; see `AsyncServer.save_session`."""
        await self.server.save_session(sid, session, namespace=namespace or self.namespace)

    def session(
        self, sid: str, namespace: str | None = None
    ) -> AbstractAsyncContextManager[dict[str, Any]]:
        """Give the application's data of a client for a block; see `AsyncServer.session`."""
        return self.server.session(sid, namespace=namespace or self.namespace)  # type: ignore[no-any-return]  # the server is typed loosely here

    async def disconnect(self, sid: str, namespace: str | None = None) -> None:
        """Disconnect a client; see `AsyncServer.disconnect`."""
        await self.server.disconnect(sid, namespace=namespace or self.namespace)
