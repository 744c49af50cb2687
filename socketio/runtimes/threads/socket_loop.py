"""One loop that waits for all websockets, led by one thread at a time.

A thread per websocket would cost a switch of threads for each message; here the leader takes
message after message and runs their handlers itself. When one of them waits, another thread becomes
the leader, and the old one ends its handler as an ordinary worker.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from ..._core.logs import escaped
from .primitives import Primitives
from .scheduler import Reader, Scheduler

logger = logging.getLogger("socketio.runtime")

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

REST = 0
"""In the place of events of a socket: messages of an earlier read are left."""

TURN = 0.001
"""Seconds for which one connection's messages are dealt with before others have a turn."""


class LoopConnection(Protocol):
    """What the loop knows of a websocket."""

    closed: bool
    """Whether nothing more is to be read or written; the loop is told by `register`."""
    messages: deque[Any]
    """What was read and not delivered yet."""
    behind: bool
    """Set when messages have to wait for the turns of others."""
    paused: bool
    """Whether nothing is to be read or delivered until `SocketLoop.resume` is called."""

    def fileno(self) -> int:
        """Return the number of its socket."""

    def read(self) -> None:
        """Put what the socket has into `messages`, without waiting."""

    def write_more(self) -> bool:
        """Write what is left, without waiting; return whether that was all."""

    def deliver(self, message: Any) -> None:
        """Deal with one message."""

    def finish(self) -> None:
        """End it at once."""

    def runtime_closes(self) -> None:
        """End it, at once or when its closing handshake is over."""

    def forgotten(self) -> None:
        """Note that the loop does not know it any more; may be called twice."""


class LoopLeader(Reader):
    """One thread's turn of leading a loop.

    Args:
        scheduler: Who else reads.
        loop: The loop.
    """

    __slots__ = ("_connection", "_loop")

    def __init__(self, scheduler: Scheduler, loop: SocketLoop) -> None:
        super().__init__(scheduler)
        self._loop = loop
        self._connection: LoopConnection

    def _stop_connection(self) -> None:
        self._connection = self._loop.stop_current()

    def _read_connection(self) -> None:
        self._loop.go_on(self._connection)

    def _read_others(self) -> None:
        self._loop.lead_anew()


class SocketLoop:
    """Reads and writes sockets that others registered.

    Args:
        scheduler: Who else reads.
        primitives: What threads are made of.
        lead: Runs a function in a thread of its own, at once: it leads.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        primitives: Primitives,
        lead: Callable[[Callable[[], Any]], None],
    ) -> None:
        self._scheduler = scheduler
        self._start_leader = lead
        self._selector = selectors.DefaultSelector()
        self._changes: deque[tuple[LoopConnection, int]] = deque()
        self._events: deque[tuple[LoopConnection, int]] = deque()
        self._connections: set[LoopConnection] = set()
        # Connections whose messages nobody deals with, though they were read.
        self._unread: deque[LoopConnection] = deque()
        # Connections that have messages left because others had their turn.
        self._behind: deque[LoopConnection] = deque()
        # Connections of which a message has no place in the order yet: see `Reader`.
        self._stopped: set[LoopConnection] = set()
        # Those of them that are not watched for reading: they would wake the loop in vain.
        self._muted: set[LoopConnection] = set()
        self._current: LoopConnection | None = None
        self._waker, self._waked = socket.socketpair()
        self._waker.setblocking(False)
        self._waked.setblocking(False)
        self._selector.register(self._waked, READ, None)
        self._start_lock = primitives.create_lock()
        self._running = False
        self._closed = False

    def register(self, connection: LoopConnection, events: int) -> None:
        """Begin to watch a socket, or change for what it is watched.

        Args:
            connection: The connection.
            events: READ, WRITE or both; 0 to forget it.
        """
        with self._start_lock:
            if self._closed and not self._running:
                connection.forgotten()
                return
            self._changes.append((connection, events))
            start, self._running = not self._running, True
        if start:
            self.lead_anew()
        else:
            self._wake()

    def close(self) -> None:
        """End the loop when the last socket is gone; none can be registered afterwards."""
        with self._start_lock:
            self._closed = True
            if not self._running:
                self._close()

    def _close(self) -> None:
        self._selector.close()
        self._waker.close()
        self._waked.close()

    def finish_all(self) -> None:
        """End all connections at once."""
        for connection in list(self._connections):
            connection.finish()

    def close_all(self) -> None:
        """End all connections, those that are about to end in their own time."""
        for connection in list(self._connections):
            connection.runtime_closes()

    def stop_current(self) -> LoopConnection:
        """Keep the messages of the connection that the leader is stuck with; return it."""
        connection = self._current
        assert connection is not None  # it reads
        self._stopped.add(connection)
        return connection

    def go_on(self, connection: LoopConnection) -> None:
        """Deal with the messages of a connection that was stopped."""
        self._stopped.discard(connection)
        self._unread.appendleft(connection)
        self._wake()

    def resume(self, connection: LoopConnection) -> None:
        """Deal with the messages of a connection that was paused, and read it again."""
        self._unread.append(connection)
        self._wake()

    def lead_anew(self) -> None:
        """Let a thread begin to lead."""
        self._start_leader(self._lead)

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:
            pass  # it is awake, or has ended

    # -- in the leader's thread -----------------------------------------------------------

    def _lead(self) -> None:
        """Lead until another thread does, or the loop ends."""
        place = self._scheduler.here.place
        leader = place.reader = LoopLeader(self._scheduler, self)
        try:
            while True:
                if self._unread:
                    if not self._deliver_rest(leader, self._unread.popleft()):
                        return
                elif self._events:
                    connection, events = self._events.popleft()
                    if not connection.closed and not self._serve(leader, connection, events):
                        return
                elif not self._select():
                    return
        finally:
            place.reader = None

    def _select(self) -> bool:
        """Wait for sockets; return whether the loop goes on."""
        while self._changes:
            self._change(*self._changes.popleft())
        if not self._connections:
            with self._start_lock:
                if not self._changes:
                    self._running = False
                    if self._closed:
                        self._close()
                    return False
        for key, events in self._selector.select(0 if self._behind else None):
            if key.data is None:
                self._waked.recv(4096)
            else:
                self._events.append((key.data, events))
        while self._behind:  # after all that others have sent meanwhile
            self._events.append((self._behind.popleft(), REST))
        return True

    def _change(self, connection: LoopConnection, events: int) -> None:
        if not events:
            self._forget(connection)
            return
        try:
            if connection in self._selector.get_map():
                self._selector.modify(connection, events, connection)
            elif not connection.closed:
                self._selector.register(connection, events, connection)
                self._connections.add(connection)
        except (OSError, ValueError, KeyError) as error:
            # Somebody else has closed its socket; the other connections must not suffer.
            logger.debug("%r is watched no more: %s", connection, escaped(error))
            self._forget(connection)

    def _forget(self, connection: LoopConnection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            self._muted.discard(connection)
            with contextlib.suppress(ValueError, KeyError):  # it is watched no more already
                self._selector.unregister(connection)
        connection.forgotten()

    def _serve(self, leader: LoopLeader, connection: LoopConnection, events: int) -> bool:
        if events & WRITE and connection.write_more():
            self._change(connection, READ)
        if events & READ:
            if connection in self._stopped or connection.paused:
                self._mute(connection)
                return True
            if connection.messages:
                return True  # it is behind, and has its turn after the others
            connection.read()
        elif events != REST or connection in self._stopped:
            return True
        return self._deliver(leader, connection)

    def _mute(self, connection: LoopConnection) -> None:
        """Hear nothing of what comes on a connection until it goes on."""
        self._muted.add(connection)
        with contextlib.suppress(OSError, ValueError, KeyError):  # it is watched no more already
            if self._selector.get_key(connection).events & WRITE:
                self._selector.modify(connection, WRITE, connection)
            else:
                self._selector.unregister(connection)

    def _deliver_rest(self, leader: LoopLeader, connection: LoopConnection) -> bool:
        """Go on with a connection whose leader was stuck, or that was paused."""
        if connection in self._stopped:
            return True  # another one is stuck with it by now, and will say when it goes on
        if connection in self._muted:
            self._muted.discard(connection)
            # Something may wait to be written; if not, that is found out at once.
            self._change(connection, READ | WRITE)
        return self._deliver(leader, connection)

    def _deliver(self, leader: LoopLeader, connection: LoopConnection) -> bool:
        """Deal with the messages that were read; return whether this thread still leads."""
        messages = connection.messages
        self._current = connection
        turn_ends = 0.0
        while messages and not connection.paused:
            message = messages.popleft()
            began = leader.begin()
            try:
                connection.deliver(message)
            except (KeyboardInterrupt, SystemExit):
                leader.hand_over()  # this thread ends, the loop does not
                leader.placed()
                raise
            except BaseException:
                logger.exception("unhandled error in %r", connection)
            if not leader.end():
                return False
            if not turn_ends:
                turn_ends = began + TURN
            elif began > turn_ends and messages:
                connection.behind = True
                self._behind.append(connection)
                break
        self._current = None
        return True
