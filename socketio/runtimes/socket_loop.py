"""One loop that waits for all websockets, led by one thread at a time.

Called by the threading runtime and by the websockets of the mode `threading`. A thread per
websocket would cost a switch of threads for each message; here the leader takes message after
message and runs their handlers itself. When one of them waits, another thread becomes the
leader, and the old one ends its handler as an ordinary worker.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .threading_runtime import ThreadingRuntime

logger = logging.getLogger("socketio.runtime")

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Connection(Protocol):
    """What the loop knows of a websocket."""

    closed: bool
    """Whether nothing more is to be read or written; the loop is told by `register`."""
    messages: deque[Any]
    """What was read and not delivered yet."""

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


class LoopLeader:
    """One thread's turn of leading a loop.

    Args:
        loop: The loop.
    """

    __slots__ = ("_loop",)

    def __init__(self, loop: SocketLoop) -> None:
        self._loop = loop

    def hand_over(self) -> None:
        """Let another thread lead; harmless when one does already."""
        self._loop.hand_over(self)


class SocketLoop:
    """Reads and writes sockets that others registered.

    Args:
        runtime: Gives the threads that lead it.
    """

    def __init__(self, runtime: ThreadingRuntime) -> None:
        self._runtime = runtime
        self._selector = selectors.DefaultSelector()
        self._changes: deque[tuple[Connection, int]] = deque()
        self._events: deque[tuple[Connection, int]] = deque()
        self._connections: set[Connection] = set()
        self._unread: deque[Connection] = deque()
        self._current: Connection | None = None
        self._waker, self._waked = socket.socketpair()
        self._waker.setblocking(False)
        self._waked.setblocking(False)
        self._selector.register(self._waked, READ, None)
        self._start_lock = runtime.primitives.create_lock()
        self._running = False
        self._closed = False

    def register(self, connection: Connection, events: int) -> None:
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
            self._runtime.lead(self._lead)
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

    def hand_over(self, leader: LoopLeader) -> None:
        """Let another thread lead; harmless when one does already."""
        if self._runtime.dispatching.pop(leader, None) is not None:
            if self._current is not None:
                self._unread.appendleft(self._current)
            self._runtime.lead(self._lead)

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:
            pass  # it is awake, or has ended

    # -- in the leader's thread -----------------------------------------------------------

    def _lead(self) -> None:
        """Lead until another thread does, or the loop ends."""
        state = self._runtime.state
        leader = state.leading = LoopLeader(self)
        try:
            while True:
                if self._unread:
                    if not self._deliver(leader, self._unread.popleft()):
                        return
                elif self._events:
                    connection, events = self._events.popleft()
                    if not connection.closed and not self._serve(leader, connection, events):
                        return
                elif not self._select():
                    return
        finally:
            state.leading = None

    def _select(self) -> bool:
        """Wait for sockets; return whether the loop goes on."""
        while self._changes:
            self._change(*self._changes.popleft())
        if len(self._selector.get_map()) == 1:
            with self._start_lock:
                if not self._changes:
                    self._running = False
                    if self._closed:
                        self._close()
                    return False
        for key, events in self._selector.select():
            if key.data is None:
                self._waked.recv(4096)
            else:
                self._events.append((key.data, events))
        return True

    def _change(self, connection: Connection, events: int) -> None:
        if not events:
            self._forget(connection)
            return
        try:
            if connection in self._connections:
                self._selector.modify(connection, events, connection)
            elif not connection.closed:
                self._selector.register(connection, events, connection)
                self._connections.add(connection)
        except (OSError, ValueError, KeyError) as error:
            # Somebody else has closed its socket; the other connections must not suffer.
            logger.debug("%r is watched no more: %s", connection, error)
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            with contextlib.suppress(ValueError, KeyError):  # it is watched no more already
                self._selector.unregister(connection)
        connection.forgotten()

    def _serve(self, leader: LoopLeader, connection: Connection, events: int) -> bool:
        if events & WRITE and connection.write_more():
            self._change(connection, READ)
        if events & READ:
            connection.read()
            return self._deliver(leader, connection)
        return True

    def _deliver(self, leader: LoopLeader, connection: Connection) -> bool:
        """Deal with the messages that were read; return whether this thread still leads."""
        dispatching = self._runtime.dispatching
        messages = connection.messages
        self._current = connection
        while messages:
            message = messages.popleft()
            dispatching[leader] = time.monotonic()
            try:
                connection.deliver(message)
            except (KeyboardInterrupt, SystemExit):
                self.hand_over(leader)  # this thread ends, the loop does not
                raise
            except BaseException:
                logger.exception("unhandled error in %r", connection)
            if dispatching.pop(leader, None) is None:
                return False
        self._current = None
        return True
