"""Websockets on the raw socket that a WSGI server gives away, for threads and greenlets.

They give a `ServerConnection` its bytes and write those that it gives. `LoopWebSocket` is read by
the one loop of real threads, `SocketWebSocket` by a greenlet of its own.

Nothing is corked here beyond the call that sends it: a thread has no turn that is sure to end, and
the first of two emits must not wait for a handler that goes on to block without saying so.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ..abc.transport import Receiver, WebSocket
from ..engine.http import Headers, Request, Response
from ..protocol.engine import EnginePacket
from ..protocol.websocket import (
    INTERNAL_ERROR,
    NORMAL,
    POLICY_VIOLATION,
    Event,
    ServerConnection,
    WebSocketState,
    handshake_key,
)
from ..runtimes.threads.scheduler import Reader
from ..runtimes.threads.socket_loop import READ, WRITE

if TYPE_CHECKING:
    from .._sync.engine import Engine
    from ..runtimes.threads.runtime import ThreadingRuntime

CHUNK = 65536
"""Bytes that are read at a time."""

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class UnfinishedWrite:
    """A message that is not wholly written yet."""

    __slots__ = ("_callbacks", "_done")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[UnfinishedWrite], Any]] = []
        self._done = False

    def add_done_callback(self, callback: Callable[[UnfinishedWrite], Any]) -> None:
        """Call a function when more may be written."""
        self._callbacks.append(callback)
        if self._done:
            self.done()

    def done(self) -> None:
        """Note that more may be written."""
        self._done = True
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:
                return  # another thread has taken it
            callback(self)


class RawWebSocket(WebSocket):
    """A websocket whose frames are read from and written to a socket by ourselves.

    Args:
        engine: The engine that it is for.
        request: The opening request.
        connection: The web server's socket.

    Raises:
        WebSocketError: The request is no valid opening handshake.
    """

    __slots__ = (
        "_connection",
        "_engine",
        "_lock",
        "_pending",
        "_receiver",
        "_runtime",
        "_socket",
        "_timer",
        "behind",
        "closed",
        "paused",
        "refusal",
    )

    answers_handshake: ClassVar[bool] = True
    """Whether the opening handshake is ours to answer."""
    behind: bool
    """Whether messages had to wait for others' turns; see `was_behind`."""
    closed: bool
    """Whether nothing more is read or written."""
    paused: bool
    """Whether nothing is read, and no message handed over, for now: handlers have enough."""
    refusal: Response | None
    """What to answer instead, if the websocket was refused."""

    def __init__(self, engine: Engine, request: Request, connection: Any) -> None:
        self._engine = engine
        self._runtime: ThreadingRuntime = engine.runtime
        self._socket = connection
        key = handshake_key(request.header)
        self._connection = ServerConnection(
            engine.config.max_http_buffer_size, key if self.answers_handshake else None
        )
        # Protects what is written and the state; reading is done by one thread at a time.
        self._lock: Any = self._runtime.create_lock()
        self._receiver: Receiver | None = None
        # There exactly while something waits in the cork for the socket.
        self._pending: UnfinishedWrite | None = None
        self._timer: Any = None
        self.behind = False
        self.closed = False
        self.paused = False
        self.refusal = None

    def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self._connection.accept(headers)
        self._socket.sendall(self._connection.take())
        with contextlib.suppress(OSError):  # a socket that is no TCP socket
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def refuse(self, response: Response) -> None:
        """Refuse the opening handshake; the mode sends the answer."""
        if self._connection.state is WebSocketState.OPENING:
            self.refusal = response
        else:
            self.close(POLICY_VIOLATION)

    # -- writing --------------------------------------------------------------------------

    def write(self, packet: EnginePacket) -> UnfinishedWrite | None:
        """Send one message; see `WebSocket.write`.

        Returns:
            None when it is written, else what tells when more may be written.
        """
        with self._lock:
            self._connection.send(packet)
            return self._write_out()

    def _write_out(self) -> UnfinishedWrite | None:
        """Write what is corked, as far as the socket takes it; called with the lock held."""
        if self._pending is None and not self._write_some():
            self._pending = UnfinishedWrite()
            self._write_later()
        return self._pending

    def _write_some(self) -> bool:
        """Write what is corked without waiting; return whether that was all; with the lock held."""
        connection = self._connection
        while connection.size:
            data = connection.take_some()
            try:
                written = self._send_now(data)
            except _WOULD_BLOCK:
                written = 0
            if written < len(data):
                connection.put_back(data, written)
                return False
        return True

    @abstractmethod
    def _send_now(self, data: bytes | memoryview) -> int:
        """Write what the socket takes without waiting; return how much that was."""

    @abstractmethod
    def _write_later(self) -> None:
        """See to it that the rest is written as the socket takes it."""

    def _all_is_written(self) -> UnfinishedWrite | None:
        """Return whom to tell that more may be written, if anybody; called with the lock held."""
        pending, self._pending = self._pending, None
        self._connection.unblocked()
        self._write_quietly()
        return pending

    def _write_waiting(self, send_all: Callable[[bytes | memoryview], object]) -> None:
        """Write all that is left, by a function that waits as long as it takes."""
        while True:
            with self._lock:
                data = self._connection.take_some()
                pending = None if data else self._all_is_written()
            if not data:
                if pending is not None:
                    pending.done()
                return
            try:
                send_all(data)
            except OSError:
                return  # reading finds out too

    def _write_quietly(self) -> None:
        """Write what is corked; if the client has gone, whoever reads finds out too."""
        with contextlib.suppress(OSError):
            self._write_out()

    # -- reading --------------------------------------------------------------------------

    def deliver(self, event: Event) -> None:
        """Deal with one thing that the client sent."""
        if self.closed:
            return
        if isinstance(event, str | bytes):
            assert self._receiver is not None  # nothing is read before `serve`
            try:
                self._receiver.receive(event)
            except BaseException:
                self.close(INTERNAL_ERROR)
                raise
            return
        with self._lock:
            self._connection.answer(event, blocked=self._pending is not None)
            self._write_quietly()
            closed = self._connection.state is WebSocketState.CLOSED
        if closed:
            self.finish()

    def was_behind(self) -> bool:
        """Tell whether messages had to wait for others' turns; see `WebSocket.was_behind`."""
        behind, self.behind = self.behind, False
        return behind

    def pause_reading(self) -> None:
        """Read no more, and hand no more messages over; see `WebSocket.pause_reading`."""
        self.paused = True

    # -- closing --------------------------------------------------------------------------

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Send a close frame; the client has `close_timeout` seconds for its answer."""
        with self._lock:
            if not self._connection.close(code, reason):
                return
            self._write_quietly()
        seconds = self._engine.config.close_timeout
        self._timer = self._runtime.call_later(seconds, self.finish, outlives_close=True)

    def unsent(self) -> int:
        """Return how many bytes wait for the socket; see `WebSocket.unsent`."""
        return self._connection.size

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self.finish()
        return True

    def runtime_closes(self) -> None:
        """End at once what has not begun its closing handshake: its time was up to now."""
        if self._connection.state is WebSocketState.OPEN:
            self.finish()

    def finish(self) -> None:
        """End the connection; `serve` returns."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._connection.lose()
        if self._timer is not None:
            self._timer.cancel()
        self._end()

    def _raise_error(self) -> None:
        if self._connection.error is not None:
            raise self._connection.error

    @abstractmethod
    def _end(self) -> None:
        """Make `serve` return."""

    def _shut_down(self) -> None:
        """See to it that the web server writes no HTTP answer to a websocket client."""
        with contextlib.suppress(OSError):  # the client was faster
            self._socket.shutdown(socket.SHUT_RDWR)


class LoopWebSocket(RawWebSocket):
    """A websocket that the loop of the runtime reads."""

    __slots__ = ("_ended", "_tls", "messages")

    messages: deque[Any]
    """What was read and not delivered yet."""

    def __init__(self, engine: Engine, request: Request, connection: Any) -> None:
        super().__init__(engine, request, connection)
        self.messages = deque()
        self._tls = isinstance(connection, ssl.SSLSocket)
        self._ended = self._runtime.create_waiter()

    def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        super().accept(headers)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Return the number of the socket."""
        number: int = self._socket.fileno()
        return number

    def serve(self, transport: Receiver) -> None:
        """Wait while the loop hands every message to the transport; see `WebSocket.serve`."""
        self._receiver = transport
        loop = self._runtime.socket_loop
        with self._lock:
            loop.register(self, READ if self._pending is None else READ | WRITE)
        try:
            self._ended.wait()
        finally:
            self.finish()  # if that was no end, the loop must know before the server closes it
            self._shut_down()
            with contextlib.suppress(OSError):
                self._socket.setblocking(True)
        self._raise_error()

    def _send_now(self, data: bytes | memoryview) -> int:
        sent: int = self._socket.send(data)
        return sent

    def _write_later(self) -> None:
        if self._receiver is not None:
            self._runtime.socket_loop.register(self, READ | WRITE)

    def write_more(self) -> bool:
        """Write what is left, without waiting; return whether that was all."""
        with self._lock:
            try:
                if not self._write_some():
                    return False
            except OSError:
                return True  # reading finds out too
            pending = self._all_is_written()
        if pending is not None:
            pending.done()
        with self._lock:
            return self._pending is None

    def read(self) -> None:
        """Put what the socket has into `messages`, without waiting."""
        try:
            if self._tls:
                self._read_tls()
                return
            data = self._socket.recv(CHUNK)
        except _WOULD_BLOCK:
            return
        except OSError:
            data = b""
        if data:
            self.messages.extend(self._connection.receive(data))
        else:
            self.finish()

    def _read_tls(self) -> None:
        """Read all that OpenSSL has decrypted: that does not wake the loop.

        No more than that, or a client that sends quickly would keep the loop for itself.
        """
        more = 1
        while more:
            # OpenSSL forbids to read and write one connection at the same time.
            with self._lock:
                data = self._socket.recv(CHUNK)
                more = self._socket.pending()
            if not data:
                self.finish()
                return
            self.messages.extend(self._connection.receive(data))

    def resume_reading(self) -> None:
        """Let the loop go on with what was read, and then read on."""
        self.paused = False
        if not self.closed:
            self._runtime.socket_loop.resume(self)

    def _end(self) -> None:
        self._runtime.socket_loop.register(self, 0)

    def forgotten(self) -> None:
        """Let `serve` return: the loop does not know the socket any more."""
        self._ended.set(None)


class SocketReader(Reader):
    """One greenlet's turn of reading a websocket.

    Args:
        runtime: The runtime of the greenlet.
        read_on: Lets another greenlet read on.
    """

    __slots__ = ("_read_on",)

    def __init__(self, runtime: ThreadingRuntime, read_on: Callable[[], None]) -> None:
        super().__init__(runtime.scheduler)
        self._read_on = read_on

    def _stop_connection(self) -> None:
        """Nobody else reads it."""

    def _read_connection(self) -> None:
        self._read_on()

    def _read_others(self) -> None:
        """They have readers of their own."""


class SocketWebSocket(RawWebSocket):
    """A websocket that is read by a greenlet of its own.

    That greenlet runs the handlers as well. When one of them waits, another greenlet reads on, and
    this one ends its handler. The greenlet of the request only waits for the end, so a handler
    that never ends does not keep the web server from stopping.

    Args:
        engine: The engine that it is for.
        request: The opening request.
        connection: The web server's socket, whose `recv` and `sendall` wait in the way of the
            mode's greenlets.
        send_now: Writes to the same connection without ever waiting, as `socket.send` of a
            socket that does not block.
        first_bytes: Called once instead of the first `recv`: what the server has already read.
    """

    __slots__ = ("_ended", "_first_bytes", "_messages", "_now", "_resumed")

    TURN = 0.001
    """Seconds that one client may keep all others waiting."""

    def __init__(
        self,
        engine: Engine,
        request: Request,
        connection: Any,
        send_now: Callable[[bytes | memoryview], int],
        first_bytes: Callable[[int], bytes] | None = None,
    ) -> None:
        super().__init__(engine, request, connection)
        self._now = send_now
        self._first_bytes = first_bytes
        self._messages: deque[Any] = deque()
        self._ended = self._runtime.create_waiter()
        # What the reader waits for while it is paused.
        self._resumed: Any = None

    def serve(self, transport: Receiver) -> None:
        """Hand every message to the transport; see `WebSocket.serve`."""
        self._receiver = transport
        own_readers = self._runtime.own_readers
        own_readers.add(self)
        try:
            self._start_reader()
            self._ended.wait()
        finally:
            own_readers.discard(self)
            self.finish()
        self._raise_error()

    def _start_reader(self) -> None:
        # In no pool: there a reader would take a slot as long as its client is connected.
        self._runtime.primitives.spawn(self._read_on, "socketio-reader")
        self._runtime.scheduler.watch()

    def _read_on(self) -> None:
        """Read until the websocket ends, or another greenlet reads."""
        runtime = self._runtime
        messages = self._messages
        place = runtime.scheduler.here.place
        reader = place.reader = SocketReader(runtime, self._start_reader)
        still_reads = True
        turn_ends = 0.0
        try:
            while not self.closed:
                if self.paused:
                    self._wait_for_handlers()
                    continue
                if time.monotonic() > turn_ends:
                    self.behind = self.behind or bool(messages)
                    runtime.primitives.sleep(0)
                    turn_ends = time.monotonic() + self.TURN
                if messages:
                    still_reads = self._dispatch(reader, messages.popleft())
                    if not still_reads:
                        return
                    continue
                data = self._receive()
                if not data:
                    return
                messages.extend(self._connection.receive(data))
                # If that was after a wait, all others have had their turn.
                if time.monotonic() > turn_ends:
                    turn_ends = time.monotonic() + self.TURN
        finally:
            place.reader = None
            if still_reads:
                self.finish()
                self._ended.set(None)

    def _wait_for_handlers(self) -> None:
        """Wait, in the greenlet that reads, until it may read on."""
        # No waiter of the runtime: while one waits for that, another greenlet reads on.
        resumed = self._runtime.primitives.create_event()
        with self._lock:
            if not self.paused or self.closed:
                return
            self._resumed = resumed
        resumed.wait()

    def resume_reading(self) -> None:
        """Let the greenlet that reads go on."""
        with self._lock:
            self.paused = False
            resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.set()

    def _dispatch(self, reader: SocketReader, message: Any) -> bool:
        """Deal with one message; return whether this greenlet still reads."""
        reader.begin()
        try:
            self.deliver(message)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            self._engine.logger.exception("unhandled error in %r", self)
        return reader.end()

    def _receive(self) -> bytes:
        first, self._first_bytes = self._first_bytes, None
        try:
            data: bytes = self._socket.recv(CHUNK) if first is None else first(CHUNK)
        except (OSError, ValueError):  # ValueError: the server has closed its file
            return b""
        return data

    def _send_now(self, data: bytes | memoryview) -> int:
        return self._now(data)

    def _write_later(self) -> None:
        write = functools.partial(self._write_waiting, self._socket.sendall)
        self._runtime.primitives.spawn(write, "socketio-writer")

    def _end(self) -> None:
        # The one who reads may be waiting: this ends it.
        self._shut_down()
        self.resume_reading()
