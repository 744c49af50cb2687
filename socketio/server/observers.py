"""The seam for whoever watches a server: metrics, tracing, the Admin UI.

An observer is told what happens where it happens. A server that has none pays one test for each
such place.
"""

from __future__ import annotations

import logging
from typing import Any

from .._core.failures import failed
from ..engine.session import Session


class ServerObserver:
    """Is told what happens on a server; add it by `server.observers.append(…)`.

    Subclasses override what they want to know. No method waits: whatever it does is part of what
    it is told of. In threads any thread may call, several at the same time. What a method raises
    is logged, and harms nobody.

    Example:
        class Connected(socketio.ServerObserver):
            count = 0

            def client_connected(self, namespace, sid):
                self.count += 1

            def client_disconnected(self, namespace, sid, reason):
                self.count -= 1

        sio.observers.append(Connected())
    """

    def session_opened(self, session: Session) -> None:
        """Note a new engine session: a connection, which has joined no namespace yet."""

    def session_upgraded(self, session: Session) -> None:
        """Note that another transport, `session.transport_name`, carries an engine session."""

    def session_closed(self, session: Session, reason: str) -> None:
        """Note the end of an engine session, after that of its clients; `reason` is a `Reason`."""

    def message_received(self, size: int) -> None:
        """Note a message of a client, of whatever kind; `size` is in bytes."""

    def packets_sent(self, count: int, size: int) -> None:
        """Note packets to clients, just before they are sent: a broadcast is one for each.

        Args:
            count: How many they are.
            size: Their size together, in bytes.
        """

    def client_connected(self, namespace: str, sid: str) -> None:
        """Note that a client is accepted, just before it is told so itself.

        What is sent to it from here reaches it afterwards.
        """

    def client_refused(self, namespace: str, sid: str | None, data: Any) -> None:
        """Note that a client was not accepted.

        Args:
            namespace: The namespace that it wanted to join.
            sid: Its id; None if it was refused before it got one.
            data: What it was told.
        """

    def client_disconnected(self, namespace: str, sid: str, reason: str) -> None:
        """Note that a client is gone.

        It is still in its rooms, which it leaves without `room_left`; its disconnect handler has
        not run yet.
        """

    def event_received(self, namespace: str, sid: str, arguments: list[Any]) -> None:
        """Note an event of a client, before its handler runs: its name, then its arguments."""

    def event_sent(self, namespace: str, sids: list[str], event: str, data: Any) -> None:
        """Note an event to clients of this process, just before it is sent.

        Args:
            namespace: Their namespace.
            sids: The clients.
            event: The event's name.
            data: What `emit` was given: a tuple are several arguments, None is none.
        """

    def ack_received(self, namespace: str, sid: str, ack_id: int, arguments: list[Any]) -> None:
        """Note a client's answer to an event."""

    def ack_sent(self, namespace: str, sid: str, ack_id: int, arguments: list[Any]) -> None:
        """Note our answer to an event of a client."""

    def client_slow(self, session: Session, what: str, count: int) -> None:
        """Note what was done about a client that does not take what waits for it.

        Args:
            session: Its engine session.
            what: `'stalled'` (it has taken nothing for `stall_timeout` seconds) or `'overflowed'`
                (more than `max_outbox_size` bytes waited): the session is closed, of which
                `session_closed` tells. Or the `slow_client_policy` by which events were dropped.
            count: How many events were dropped since the last call.
        """

    def room_entered(self, namespace: str, room: Any, sid: str) -> None:
        """Note that a client is in a room in which it was not before."""

    def room_left(self, namespace: str, room: Any, sid: str) -> None:
        """Note that a client is in a room no more, though it is still there."""


class Observers(list[ServerObserver]):
    """Those who watch one server, in the order in which they are told."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger

    def tell(self, what: str, *args: Any) -> None:
        """Call a method of every observer.

        Args:
            what: The method's name.
            *args: Its arguments.
        """
        for observer in list(self):
            try:
                getattr(observer, what)(*args)
            except BaseException as error:
                failed(error, self._logger, "%s() of observer %r failed", what, observer)


def size_of(data: str | bytes) -> int:
    """Return the bytes that a message has on the wire, without its type."""
    return len(data.encode(errors="surrogatepass")) if isinstance(data, str) else len(data)
