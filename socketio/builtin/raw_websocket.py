"""Websockets on the raw socket that a WSGI server gives away.

Called by WSGI modes with the server's socket and by the engine's transport; it knows sockets and
the websocket protocol, and nothing of packets. `LoopWebSocket` is read by the one loop of real
threads, `SocketWebSocket` by the greenlet of its request.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..abc.transport import Receiver, WebSocket
from ..engine.http import Headers, Request, Response
from ..protocol.engine import Packet
from ..protocol.websocket import (
    CLOSE,
    NO_STATUS,
    NORMAL,
    PING,
    PONG,
    BrokenStream,
    ControlFrame,
    FrameParser,
    Received,
    WebSocketError,
    answer_handshake,
    encode_close,
    encode_control,
    encode_frame,
    handshake_key,
)
from ..runtimes.socket_loop import READ, WRITE

if TYPE_CHECKING:
    from ..engine.synchronous.engine import Engine
    from ..runtimes.threading_runtime import ThreadingRuntime

CHUNK = 65536
"""Bytes that are read at a time."""

INTERNAL_ERROR = 1011

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Pending:
    """A message that is not wholly written yet."""

    __slots__ = ("_callbacks", "_done")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Pending], Any]] = []
        self._done = False

    def add_done_callback(self, callback: Callable[[Pending], Any]) -> None:
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
        "_accepted",
        "_close_sent",
        "_engine",
        "_error",
        "_key",
        "_late_pong",
        "_lock",
        "_parser",
        "_pending",
        "_receiver",
        "_rest",
        "_runtime",
        "_socket",
        "_timer",
        "closed",
        "refusal",
    )

    closed: bool
    """Whether nothing more is read or written."""
    refusal: Response | None
    """What to answer instead, if the websocket was refused."""

    def __init__(self, engine: Engine, request: Request, connection: Any) -> None:
        self._engine = engine
        self._runtime: ThreadingRuntime = engine.runtime
        self._socket = connection
        self._key = handshake_key(request.header)
        self._parser = FrameParser(engine.config.max_http_buffer_size)
        self._lock: Any = self._runtime.create_lock()
        self._receiver: Receiver | None = None
        self._rest = b""
        self._pending: Pending | None = None
        self._late_pong: bytes | None = None
        self._accepted = False
        self._close_sent = False
        self._error: WebSocketError | None = None
        self._timer: Any = None
        self.closed = False
        self.refusal = None

    @property
    def accepted(self) -> bool:
        """Whether the connection is a websocket now, and no HTTP any more."""
        return self._accepted

    def accept(self, headers: Headers) -> None:
        """Complete the opening handshake."""
        self._accepted = True
        self._socket.sendall(answer_handshake(self._key, headers))
        with contextlib.suppress(OSError):  # a socket that is no TCP socket
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def refuse(self, response: Response) -> None:
        """Refuse the opening handshake; the mode sends the answer."""
        if self._accepted:
            self.close(1008)
        else:
            self.refusal = response

    # -- writing --------------------------------------------------------------------------

    def write(self, packet: Packet) -> Pending | None:
        """Send one message; see `WebSocket.write`.

        Returns:
            None when it is written, else what tells when more may be written.
        """
        frame = packet.wire
        if frame is None:
            frame = packet.wire = encode_frame(packet.websocket)
        with self._lock:
            if self.closed or self._close_sent:
                raise ConnectionResetError("the websocket is closed")
            return self._write(frame)

    def _write(self, frame: bytes) -> Pending | None:
        """Write a frame, or keep what the socket does not take; called with the lock held."""
        if self._rest:
            self._rest += frame
            return self._pending
        try:
            sent = self._send_now(frame)
        except _WOULD_BLOCK:
            sent = 0
        if sent == len(frame):
            return None
        self._rest = frame[sent:]
        self._pending = Pending()
        self._write_later()
        return self._pending

    @abstractmethod
    def _send_now(self, data: bytes) -> int:
        """Write what the socket takes without waiting; return how much that was."""

    @abstractmethod
    def _write_later(self) -> None:
        """See to it that the rest is written as the socket takes it."""

    def _rest_is_written(self) -> Pending | None:
        """Return whom to tell that more may be written, if anybody; called with the lock held."""
        pong, self._late_pong = self._late_pong, None
        pending, self._pending = self._pending, None
        if pong is not None:
            self._send_control(pong)
        return pending

    def _send_control(self, frame: bytes) -> None:
        with self._lock:
            if self.closed or self._close_sent:
                return
            try:
                self._write(frame)
            except OSError:
                return  # whoever reads finds out too

    # -- reading --------------------------------------------------------------------------

    def _parse(self, data: bytes) -> list[Received | WebSocketError]:
        """Return what bytes mean; an error is the last thing."""
        try:
            return [*self._parser.feed(data)]
        except BrokenStream as error:
            return [*error.received, error]

    def deliver(self, message: Received | WebSocketError) -> None:
        """Deal with one message."""
        if self.closed:
            return
        if isinstance(message, str | bytes):
            assert self._receiver is not None  # nothing is read before `serve`
            try:
                self._receiver.receive(message)
            except BaseException:
                self.close(INTERNAL_ERROR)
                raise
        elif isinstance(message, WebSocketError):
            self._error = message
            self.close(message.code, message.reason)
            self.finish()
        elif message.opcode == PING:
            self._answer_ping(message.payload)
        elif message.opcode == CLOSE:
            self._answer_close(message)

    def _answer_ping(self, payload: bytes) -> None:
        """Send a pong, at the latest when the client has read what waits before it.

        Of pings that come meanwhile the last one is answered (RFC 6455, section 5.5.3): pongs to a
        client that reads nothing would pile up.
        """
        pong = encode_control(PONG, payload)
        with self._lock:
            if self._rest:
                self._late_pong = pong
            else:
                self._send_control(pong)

    def _answer_close(self, frame: ControlFrame) -> None:
        with self._lock:
            if not self._close_sent:
                code = NORMAL if frame.code == NO_STATUS else frame.code
                self._send_control(encode_close(code))
                self._close_sent = True
        self.finish()

    # -- closing --------------------------------------------------------------------------

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Send a close frame; the client has `close_timeout` seconds for its answer."""
        with self._lock:
            if self.closed or self._close_sent or not self._accepted:
                return
            self._send_control(encode_close(code, reason))
            self._close_sent = True
        seconds = self._engine.config.close_timeout
        self._timer = self._runtime.call_later(seconds, self.finish)

    def abort(self) -> bool:
        """Cut the connection; see `WebSocket.abort`."""
        self.finish()
        return True

    def finish(self) -> None:
        """End the connection; `serve` returns."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._rest = b""
        if self._timer is not None:
            self._timer.cancel()
        self._end()

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
            loop.register(self, READ | WRITE if self._rest else READ)
        try:
            self._ended.wait()
        finally:
            self.finish()  # if that was no end, the loop must know before the server closes it
            self._shut_down()
            with contextlib.suppress(OSError):
                self._socket.setblocking(True)
        if self._error is not None:
            raise self._error

    def _send_now(self, data: bytes) -> int:
        sent: int = self._socket.send(data)
        return sent

    def _write_later(self) -> None:
        if self._receiver is not None:
            self._runtime.socket_loop.register(self, READ | WRITE)

    def write_more(self) -> bool:
        """Write what is left, without waiting; return whether that was all."""
        with self._lock:
            try:
                while self._rest:
                    self._rest = self._rest[self._send_now(self._rest[: CHUNK * 4]) :]
            except _WOULD_BLOCK:
                return False
            except OSError:
                return True  # reading finds out too
            pending = self._rest_is_written()
        if pending is not None:
            pending.done()
        with self._lock:
            return not self._rest

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
            self.messages.extend(self._parse(data))
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
            self.messages.extend(self._parse(data))

    def _end(self) -> None:
        self._runtime.socket_loop.register(self, 0)

    def forgotten(self) -> None:
        """Let `serve` return: the loop does not know the socket any more."""
        self._ended.set(None)


class SocketReader:
    """One greenlet's turn of reading a websocket.

    Args:
        websocket: The websocket.
    """

    __slots__ = ("_websocket",)

    def __init__(self, websocket: SocketWebSocket) -> None:
        self._websocket = websocket

    def hand_over(self) -> None:
        """Let another greenlet read on; harmless when one does already."""
        self._websocket.hand_over(self)


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

    __slots__ = ("_ended", "_first_bytes", "_messages", "_now")

    TURN = 0.001
    """Seconds that one client may keep all others waiting."""

    def __init__(
        self,
        engine: Engine,
        request: Request,
        connection: Any,
        send_now: Callable[[bytes], int],
        first_bytes: Callable[[int], bytes] | None = None,
    ) -> None:
        super().__init__(engine, request, connection)
        self._now = send_now
        self._first_bytes = first_bytes
        self._messages: deque[Any] = deque()
        self._ended = self._runtime.create_waiter()

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
        if self._error is not None:
            raise self._error

    def hand_over(self, reader: SocketReader) -> None:
        """Let another greenlet read on; harmless when one does already."""
        if self._runtime.dispatching.pop(reader, None) is not None:
            self._start_reader()
            self._runtime.watch()

    def _start_reader(self) -> None:
        # In no pool: there a reader would take a slot as long as its client is connected.
        self._runtime.primitives.spawn(self._read_on, "socketio-reader")

    def _read_on(self) -> None:
        """Read until the websocket ends, or another greenlet reads."""
        runtime = self._runtime
        messages = self._messages
        reader = runtime.state.leading = SocketReader(self)
        still_reads = True
        turn_ends = 0.0
        try:
            while not self.closed:
                if time.monotonic() > turn_ends:
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
                messages.extend(self._parse(data))
                # If that was after a wait, all others have had their turn.
                if time.monotonic() > turn_ends:
                    turn_ends = time.monotonic() + self.TURN
        finally:
            runtime.state.leading = None
            if still_reads:
                self.finish()
                self._ended.set(None)

    def _dispatch(self, reader: SocketReader, message: Any) -> bool:
        """Deal with one message; return whether this greenlet still reads."""
        dispatching = self._runtime.dispatching
        dispatching[reader] = time.monotonic()
        try:
            self.deliver(message)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            self._engine.logger.exception("unhandled error in %r", self)
        return dispatching.pop(reader, None) is not None

    def _receive(self) -> bytes:
        first, self._first_bytes = self._first_bytes, None
        try:
            data: bytes = self._socket.recv(CHUNK) if first is None else first(CHUNK)
        except (OSError, ValueError):  # ValueError: the server has closed its file
            return b""
        return data

    def _send_now(self, data: bytes) -> int:
        return self._now(data)

    def _write_later(self) -> None:
        self._runtime.primitives.spawn(self._write_rest, "socketio-writer")

    def _write_rest(self) -> None:
        """Write all that is left, waiting as long as it takes."""
        while data := self._rest:
            try:
                self._socket.sendall(data)
            except OSError:
                return  # reading finds out too
            with self._lock:
                self._rest = self._rest[len(data) :]
                if self._rest:
                    continue
                pending = self._rest_is_written()
            if pending is not None:
                pending.done()
            return

    def _end(self) -> None:
        # The one who reads may be waiting: this ends it.
        self._shut_down()
