"""Watching one server from outside: what happens to its connections, clients and rooms.

Called by instrumentation such as the Admin UI's; it knows the members of a server, its engine and
its manager through which everything passes, and puts itself before those of the one server that
is watched. A server that nobody watches pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .engine.session import Session
from .protocol.engine import Packet


class ServerObserver:
    """Is told what happens; no method waits, and in threads any thread may call.

    Subclasses override what they want to know.
    """

    def session_opened(self, session: Session) -> None:
        """Note a new engine session."""

    def session_closed(self, session: Session, reason: str) -> None:
        """Note the end of an engine session."""

    def session_upgraded(self, session: Session) -> None:
        """Note that another transport carries an engine session."""

    def message_received(self, size: int) -> None:
        """Note a message of a client; `size` is in bytes."""

    def packet_sent(self, size: int) -> None:
        """Note a packet to a client; `size` is in bytes."""

    def client_connected(self, namespace: str, sid: str) -> None:
        """Note that a client was accepted."""

    def client_disconnected(self, namespace: str, sid: str, reason: str) -> None:
        """Note that a client is gone; it is still in its rooms."""

    def event_received(self, namespace: str, sid: str, arguments: list[Any]) -> None:
        """Note an event of a client: its name, then its arguments."""

    def event_sent(self, namespace: str, sids: Iterable[str], event: str, data: Any) -> None:
        """Note an event to clients of this process."""

    def room_entered(self, namespace: str, room: Any, sid: str) -> None:
        """Note that a client is in a room."""

    def room_left(self, namespace: str, room: Any, sid: str) -> None:
        """Note that a client is in a room no more."""


class ObservedSession(Session):
    """A session that tells its observer what it sends; mixed into the engine's class."""

    __slots__ = ()

    observer: ServerObserver

    def send(self, packet: Packet) -> None:
        """Send a packet to the client; see `Session.send`."""
        if packet.data:
            self.observer.packet_sent(size_of(packet.data))
        super().send(packet)

    def upgraded(self, transport_name: str) -> None:
        """End the upgrade; see `SessionProtocol.upgraded`."""
        super().upgraded(transport_name)
        self.observer.session_upgraded(self)


def size_of(data: str | bytes) -> int:
    """Return the bytes that a message has on the wire, without its type."""
    return len(data.encode()) if isinstance(data, str) else len(data)


class Observation:
    """Puts an observer before the members of one server, and takes it away again.

    Args:
        server: A `Server` or `AsyncServer`; sessions that are open already send unobserved.
        observer: Who is told.
    """

    def __init__(self, server: Any, observer: ServerObserver) -> None:
        self._server = server
        self._observer = observer
        self._placed: list[tuple[Any, str, Any]] = []

    def _place(self, owner: Any, name: str, replacement: Any) -> None:
        setattr(owner, name, replacement)
        self._placed.append((owner, name, replacement))

    def stop(self) -> None:
        """Take the observer away; what was put before it meanwhile stays."""
        for owner, name, replacement in reversed(self._placed):
            if vars(owner).get(name) is replacement:
                delattr(owner, name)
        self._placed.clear()

    def watch_traffic(self) -> None:
        """Tell of sessions, messages and packets."""
        server, engine, observer = self._server, self._server.eio, self._observer
        message: Callable[..., Any] = server.message
        admit: Callable[..., Any] = engine.admit
        session_closed: Callable[..., Any] = server.session_closed

        def observed_message(session: Session, data: str | bytes) -> None:
            observer.message_received(size_of(data))
            message(session, data)

        def observed_admit(session: Session) -> None:
            admit(session)
            observer.session_opened(session)

        def observed_close(session: Session, reason: str) -> None:
            session_closed(session, reason)
            observer.session_closed(session, reason)

        self._place(server, "message", observed_message)
        self._place(engine, "admit", observed_admit)
        self._place(server, "session_closed", observed_close)
        base = engine.session_class
        members = {"__slots__": (), "observer": observer}
        observed = type(f"Observed{base.__name__}", (ObservedSession, base), members)
        self._place(engine, "session_class", observed)

    def watch_clients(self) -> None:
        """Tell of clients, their events and their rooms."""
        self._watch_lifecycles()
        self._watch_events()
        self._watch_rooms()

    def _watch_lifecycles(self) -> None:
        server, observer = self._server, self._observer
        accept: Callable[..., Any] = server._accept
        reject: Callable[..., Any] = server._reject
        run_disconnect: Callable[..., Any] = server._run_disconnect

        def observed_accept(session: Session, namespace: str, sid: str) -> None:
            accept(session, namespace, sid)
            observer.client_connected(namespace, sid)

        def observed_reject(session: Session, namespace: str, sid: str) -> None:
            # With `always_connect` it was accepted before.
            observer.client_disconnected(namespace, sid, server.reason.SERVER_DISCONNECT)
            reject(session, namespace, sid)

        def observed_disconnect(session: Session, namespace: str, sid: str, reason: str) -> Any:
            observer.client_disconnected(namespace, sid, reason)
            return run_disconnect(session, namespace, sid, reason)

        self._place(server, "_accept", observed_accept)
        self._place(server, "_reject", observed_reject)
        self._place(server, "_run_disconnect", observed_disconnect)

    def _watch_events(self) -> None:
        server, observer = self._server, self._observer
        run_event: Callable[..., Any] = server._run_event
        deliver: Callable[..., Any] = server.deliver

        def observed_event(
            session: Session, namespace: str, sid: str, arguments: list[Any], ack_id: int | None
        ) -> Any:
            # The handler's arguments are made of this very list.
            observer.event_received(namespace, sid, list(arguments))
            return run_event(session, namespace, sid, arguments, ack_id)

        def observed_deliver(
            members: dict[str, str],
            namespace: str,
            event: str,
            data: Any,
            ack_id: int | None = None,
        ) -> None:
            deliver(members, namespace, event, data, ack_id)
            observer.event_sent(namespace, list(members), event, data)

        self._place(server, "_run_event", observed_event)
        self._place(server, "deliver", observed_deliver)

    def _watch_rooms(self) -> None:
        manager, observer = self._server.manager, self._observer
        enter: Callable[..., Any] = manager.basic_enter_room
        leave: Callable[..., Any] = manager.basic_leave_room
        close: Callable[..., Any] = manager.basic_close_room

        def observed_enter(sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
            before = manager.get_rooms(sid, namespace)
            enter(sid, namespace, room, eio_sid)
            if room not in before:
                observer.room_entered(namespace, room, sid)

        def observed_leave(sid: str, namespace: str, room: Any) -> None:
            before = manager.get_rooms(sid, namespace)
            leave(sid, namespace, room)
            if room in before and room != sid:
                observer.room_left(namespace, room, sid)

        def observed_close(room: Any, namespace: str) -> None:
            members = [] if room is None else list(manager.get_participants(namespace, room))
            close(room, namespace)
            for sid, _ in members:
                observer.room_left(namespace, room, sid)

        self._place(manager, "basic_enter_room", observed_enter)
        self._place(manager, "basic_leave_room", observed_leave)
        self._place(manager, "basic_close_room", observed_close)
