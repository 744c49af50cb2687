"""RFC 6455, the server's side, sans-I/O: opening handshake, frames, closing handshake, cork.

`ServerConnection` is one websocket: it is told which bytes arrived and answers what they mean, it
is told which messages leave and answers with bytes. Whoever has the socket drives it. No extension
is negotiated, so a frame with a reserved bit is an error.
"""

from __future__ import annotations

import binascii
import enum
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha1
from typing import Final

from ..exceptions import ProtocolError
from .engine import EnginePacket

_apply_mask: Callable[[bytes, bytes], bytes] | None
try:
    # Three times as fast for short messages, 60 times for long ones; used where the package
    # happens to be installed.
    from websockets.speedups import apply_mask as _apply_mask
except ImportError:
    _apply_mask = None

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
NO_STATUS: Final = 1005
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

VERSION: Final = "13"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketError(ProtocolError):
    """The client broke the websocket protocol.

    Args:
        code: The close code to tell it.
        reason: What was wrong.
    """

    code: int
    """The close code to tell the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class ControlFrame:
    """A ping, pong or close frame of the client."""

    __slots__ = ("code", "opcode", "payload")

    opcode: int
    payload: bytes
    """The application data; of a close frame, the reason after its code."""
    code: int
    """The code of a close frame; 1005 where it has none."""

    def __init__(self, opcode: int, payload: bytes, code: int = NO_STATUS) -> None:
        self.opcode = opcode
        self.payload = payload
        self.code = code


Received = str | bytes | ControlFrame
"""What a client sent: a text message, a binary message, or a control frame."""

Event = Received | WebSocketError
"""What bytes of a client mean to a `ServerConnection`; an error is the last one."""


# -- opening handshake ------------------------------------------------------------------------


def handshake_key(header: Callable[[str], str | None]) -> str:
    """Check an opening handshake and return its key (RFC 6455, section 4.2.1).

    Args:
        header: Returns a header of the request (name in lower case), or None.

    Raises:
        WebSocketError: It is no valid opening handshake.
    """
    connection = (header("connection") or "").lower()
    if "upgrade" not in [token.strip() for token in connection.split(",")]:
        raise WebSocketError(PROTOCOL_ERROR, "an opening handshake without Connection: Upgrade")
    version = header("sec-websocket-version")
    if version != VERSION:
        raise WebSocketError(PROTOCOL_ERROR, f"websocket version {version}, only 13 is spoken")
    key = header("sec-websocket-key") or ""
    try:
        valid = len(b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        valid = False
    if not valid:
        raise WebSocketError(PROTOCOL_ERROR, "an opening handshake without a valid key")
    return key


def answer_handshake(key: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return the answer that accepts an opening handshake (RFC 6455, section 4.2.2).

    Args:
        key: What `handshake_key` returned.
        headers: Headers to send besides.

    Raises:
        ValueError: A line break in a header.
    """
    accept = b64encode(sha1(key.encode() + _GUID).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
    ]
    for name, value in headers:
        if "\r" in name + value or "\n" in name + value:
            raise ValueError(f"a line break in header {name!r}: {value!r}")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


# -- sending ----------------------------------------------------------------------------------


def encode_frame(message: str | bytes) -> bytes:
    """Return the one frame that carries a message."""
    if isinstance(message, str):
        payload = message.encode()
        first = 0x81
    else:
        payload = message
        first = 0x82
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    return _long_header(first, length) + payload


def _long_header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2)
    return bytes((first, 127)) + length.to_bytes(8)


def encode_control(opcode: int, payload: bytes = b"") -> bytes:
    """Return a control frame.

    Raises:
        ValueError: The payload has more than 125 bytes.
    """
    if len(payload) > 125:
        raise ValueError("a control frame holds 125 bytes at most")
    return bytes((0x80 | opcode, len(payload))) + payload


def mask_control(frame: ControlFrame) -> bytes:
    """Return a control frame as a client sends it, for another parser (RFC 6455, section 5.3)."""
    payload = frame.payload
    if frame.opcode == CLOSE and frame.code != NO_STATUS:
        payload = frame.code.to_bytes(2) + payload
    # A mask of zeros leaves the payload as it is.
    return bytes((0x80 | frame.opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def encode_close(code: int = NORMAL, reason: str = "") -> bytes:
    """Return a close frame; the reason is cut where it is too long."""
    if code == NO_STATUS:
        return encode_control(CLOSE)
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return encode_control(CLOSE, code.to_bytes(2) + text)


# -- receiving --------------------------------------------------------------------------------


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Return what a client has masked (RFC 6455, section 5.3).

    Args:
        payload: The masked bytes, at least one.
        mask: The four bytes of the mask.
    """
    if _apply_mask is not None:
        return _apply_mask(payload, mask)
    length = len(payload)
    if length < 1000:
        # One exclusive or of two long integers does in C what a loop would do by bytes.
        key = (mask * (length + 3 >> 2))[:length]
        masked = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
        return masked.to_bytes(length, "little")
    plain = bytearray(length)
    for index in range(4):
        plain[index::4] = payload[index::4].translate(_exclusive_or(mask[index]))
    return bytes(plain)


@cache
def _exclusive_or(byte: int) -> bytes:
    """Return the table that turns each byte into its exclusive or with one byte."""
    return bytes(other ^ byte for other in range(256))


_unmask_short = unmask if _apply_mask is None else _apply_mask


class FrameParser:
    """Makes messages and control frames of the bytes that a client sends.

    Args:
        max_size: Bytes that a message may have. A longer one is refused by its announced length,
            before anything of it is kept.
    """

    __slots__ = ("_fragments", "_max_size", "_missing", "_opcode", "_partial", "_short", "closed")

    closed: bool
    """Whether the client's close frame has come; what follows it is ignored."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._short = min(max_size, 125)
        # What is incomplete is joined as it comes, in one block of its own size: kept in pieces,
        # a message of two bytes each would take twenty times its size.
        self._partial: bytearray | None = None
        self._missing = 0
        self._fragments: bytearray | None = None
        self._opcode = CONTINUATION
        self.closed = False

    def feed(self, data: bytes) -> list[Received]:
        """Take bytes and return what is complete now, in order.

        Args:
            data: The next bytes of the connection.

        Raises:
            WebSocketError: The client broke the protocol. What came before the broken frame is
                in its `received`.
        """
        received: list[Received] = []
        if self._partial is None and not self._opcode and not self.closed:
            # Short texts in one frame each, as nearly every read brings.
            position, end, limit = 0, len(data), self._short
            while end - position > 6 and data[position] == 0x81:
                length = data[position + 1] - 0x80
                start = position + 6
                if not 0 < length <= limit or start + length > end:
                    break
                try:
                    text = _unmask_short(data[start : start + length], data[start - 4 : start])
                    received.append(text.decode())
                except UnicodeDecodeError:
                    break  # what follows says what is wrong
                position = start + length
            if position == end:
                return received
            if position:
                data = data[position:]
        if self._partial is not None:
            self._partial += data
            self._missing -= len(data)
            if self._missing > 0:
                return received
            data, self._partial = bytes(self._partial), None
        try:
            self._parse(data, received)
        except WebSocketError as error:
            self.closed = True
            raise BrokenStream(error, received) from None
        return received

    def _parse(self, data: bytes, received: list[Received]) -> None:
        position = 0
        end = len(data)
        needed = 2
        while end - position >= 2 and not self.closed:
            first, second = data[position], data[position + 1]
            length = second & 0x7F
            start = position + 6
            if length > 125:
                start += 2 if length == 126 else 8
                if end < start - 4:
                    needed = start - 4 - position
                    break
                length = int.from_bytes(data[position + 2 : start - 4])
            self._check(first, second, length)
            if end < start + length:
                needed = start + length - position
                break
            payload = data[start : start + length]
            if length:
                payload = unmask(payload, data[start - 4 : start])
            position = start + length
            needed = 2
            if first == 0x81 and not self._opcode:
                received.append(_text(payload))
            elif first == 0x82 and not self._opcode:
                received.append(payload)
            elif first & 0x08:
                received.append(self._control(first & 0x0F, payload))
            else:
                self._fragment(first, payload, received)
        if position < end and not self.closed:
            self._partial = bytearray(memoryview(data)[position:])
            self._missing = needed - (end - position)

    def _check(self, first: int, second: int, length: int) -> None:
        """Check the header of a frame (RFC 6455, section 5.2)."""
        if first & 0x70:
            raise WebSocketError(PROTOCOL_ERROR, "a reserved bit without an extension")
        if not second & 0x80:
            raise WebSocketError(PROTOCOL_ERROR, "a frame that is not masked")
        opcode = first & 0x0F
        if opcode & 0x08:
            if opcode > PONG:
                raise WebSocketError(PROTOCOL_ERROR, f"a frame with the unknown opcode {opcode}")
            if not first & 0x80:
                raise WebSocketError(PROTOCOL_ERROR, "a control frame in fragments")
            if second & 0x7F > 125:
                raise WebSocketError(PROTOCOL_ERROR, "a control frame of more than 125 bytes")
            return
        if opcode > BINARY:
            raise WebSocketError(PROTOCOL_ERROR, f"a frame with the unknown opcode {opcode}")
        if opcode == CONTINUATION:
            if not self._opcode:
                raise WebSocketError(PROTOCOL_ERROR, "a continuation of no message")
        elif self._opcode:
            raise WebSocketError(PROTOCOL_ERROR, "a message inside another one")
        # 126 announces two bytes and 127 eight, and no number may be written too long.
        shortest = {126: 126, 127: 65536}.get(second & 0x7F)
        if shortest is not None and (length >> 63 or length < shortest):
            raise WebSocketError(PROTOCOL_ERROR, "a frame with an impossible length")
        if len(self._fragments or b"") + length > self._max_size:
            raise WebSocketError(TOO_BIG, f"a message of more than {self._max_size} bytes")

    def _fragment(self, first: int, payload: bytes, received: list[Received]) -> None:
        """Take one fragment of a message."""
        fragments = self._fragments
        if fragments is None:
            fragments = self._fragments = bytearray()
            self._opcode = first & 0x0F
        fragments += payload
        if first & 0x80:
            opcode = self._opcode
            self._opcode, self._fragments = CONTINUATION, None
            received.append(_text(fragments) if opcode == TEXT else bytes(fragments))

    def _control(self, opcode: int, payload: bytes) -> ControlFrame:
        if opcode != CLOSE:
            return ControlFrame(opcode, payload)
        self.closed = True
        if not payload:
            return ControlFrame(CLOSE, b"")
        if len(payload) == 1:
            raise WebSocketError(PROTOCOL_ERROR, "a close frame with half a code")
        code = int.from_bytes(payload[:2])
        if not _is_sendable(code):
            raise WebSocketError(PROTOCOL_ERROR, f"a close frame with the impossible code {code}")
        _text(payload[2:])
        return ControlFrame(CLOSE, payload[2:], code)


class BrokenStream(WebSocketError):
    """What `FrameParser.feed` raises: an error, and what came before it."""

    received: list[Received]
    """The messages and control frames before the broken one."""

    def __init__(self, error: WebSocketError, received: list[Received]) -> None:
        super().__init__(error.code, error.reason)
        self.received = received


def _text(payload: bytes | bytearray) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise WebSocketError(INVALID_DATA, f"text that is not UTF-8: {error}") from error


def _is_sendable(code: int) -> bool:
    """Tell whether a close frame may carry a code (RFC 6455, section 7.4)."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in (1004, 1005, 1006))


# -- one connection ---------------------------------------------------------------------------


class WebSocketState(enum.Enum):
    """How far a websocket has come (RFC 6455, sections 4 and 7)."""

    OPENING = "opening"
    """The opening request is there, and has no answer yet."""
    OPEN = "open"
    """Messages go both ways."""
    CLOSING = "closing"
    """Our close frame is on its way, and the client's answer is awaited."""
    CLOSED = "closed"
    """No frame is taken from either side any more; what is corked may still leave."""


class Step(enum.Enum):
    """What moves a websocket from one state to the next."""

    ACCEPT = "accept"
    """The opening handshake is answered."""
    CLOSE = "close"
    """We send a close frame and wait for the client's."""
    CLOSED_BY_CLIENT = "closed by the client"
    """The client's close frame has come, as its first word or as its answer."""
    FAIL = "fail"
    """The client broke the protocol (section 7.1.7): it is told, and nothing is awaited."""
    LOSE = "lose"
    """The connection has ended, or was never accepted."""


TRANSITIONS: Final[dict[WebSocketState, dict[Step, WebSocketState]]] = {
    WebSocketState.OPENING: {
        Step.ACCEPT: WebSocketState.OPEN,
        Step.LOSE: WebSocketState.CLOSED,
    },
    WebSocketState.OPEN: {
        Step.CLOSE: WebSocketState.CLOSING,
        Step.CLOSED_BY_CLIENT: WebSocketState.CLOSED,
        Step.FAIL: WebSocketState.CLOSED,
        Step.LOSE: WebSocketState.CLOSED,
    },
    WebSocketState.CLOSING: {
        Step.CLOSED_BY_CLIENT: WebSocketState.CLOSED,
        Step.FAIL: WebSocketState.CLOSED,
        Step.LOSE: WebSocketState.CLOSED,
    },
    WebSocketState.CLOSED: {
        Step.LOSE: WebSocketState.CLOSED,
    },
}
"""Every step that may be taken; any other one is a bug of the caller."""

_OPEN = WebSocketState.OPEN

MAX_JOINED = 262_144
"""Bytes that are joined to be written at once where a socket takes a part of what it is given."""
WORTH_A_WRITE = 16_384
"""Bytes that are written without what follows them: less is joined with it."""


class ServerConnection:
    """One websocket without its socket.

    What is sent stays in the cork until `take` gives it out, so whoever has the socket decides
    what leaves together. No frame is encoded twice, and no byte is copied more often than it
    takes to join it with others once.

    An object is used by one thread at a time.

    Args:
        max_size: Bytes that a message of the client may have.
        key: What `handshake_key` returned; None where the web server answers the handshake.
    """

    __slots__ = ("_head", "_key", "_more", "_parser", "_pong", "error", "size", "state")

    state: WebSocketState
    """How far it has come."""
    size: int
    """Bytes in the cork."""
    error: WebSocketError | None
    """How the client broke the protocol, if that is what ended it."""

    def __init__(self, max_size: int, key: str | None = None) -> None:
        self._parser = FrameParser(max_size)
        self._key = key
        # The cork: its first piece, and the others. Most often there is one at most, and then no
        # container is looked for in memory, of which an idle connection has none either.
        self._head: bytes | memoryview = b""
        self._more: deque[bytes | memoryview] | None = None
        self._pong: bytes | None = None
        self.size = 0
        self.state = WebSocketState.OPENING
        self.error = None

    def _step(self, step: Step) -> None:
        try:
            self.state = TRANSITIONS[self.state][step]
        except KeyError:
            raise RuntimeError(
                f"{step.value!r} is no step of a websocket that is {self.state.value}"
            ) from None

    # -- what we say ----------------------------------------------------------------------

    def accept(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer the opening handshake, or note that the web server has.

        Args:
            headers: Headers to send besides.

        Raises:
            ValueError: A line break in a header; the websocket stays as it is.
        """
        answer = b"" if self._key is None else answer_handshake(self._key, headers)
        self._step(Step.ACCEPT)
        if answer:
            self._put(answer)

    def send(self, packet: EnginePacket) -> int:
        """Put a packet's one frame into the cork, the same bytes for all its recipients.

        Returns:
            The bytes in the cork now.

        Raises:
            ConnectionResetError: The websocket is not open.
        """
        if self.state is not _OPEN:
            raise ConnectionResetError(f"the websocket is {self.state.value}")
        frame = packet.wire
        if frame is None:
            frame = packet.wire = encode_frame(packet.websocket)
        if not self.size:
            self._head = frame
        elif self._more is None:
            self._more = deque((frame,))
        else:
            self._more.append(frame)
        size: int = self.size + len(frame)
        self.size = size
        return size

    def close(self, code: int = NORMAL, reason: str = "") -> bool:
        """Begin the closing handshake, after what is in the cork (RFC 6455, section 7.1.2).

        Returns:
            Whether the client's answer is to be awaited; False where it is not open.
        """
        if self.state is not _OPEN:
            return False
        self._put(encode_close(code, reason))
        self._step(Step.CLOSE)
        return True

    def lose(self) -> None:
        """Note that the connection has ended, or is to end at once; what is corked is dropped."""
        self._step(Step.LOSE)
        self._head, self._more, self._pong = b"", None, None
        self.size = 0

    def _put(self, frame: bytes) -> None:
        if not self.size:
            self._head = frame
        elif self._more is None:
            self._more = deque((frame,))
        else:
            self._more.append(frame)
        self.size += len(frame)

    # -- what the client says -------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Return what bytes of the client mean, in order.

        Messages are for the application, the rest is for `answer`, each in its turn: what the
        application answers to a message leaves before the answer to the close frame behind it.
        """
        try:
            return self._parser.feed(data)  # type: ignore[return-value]  # a list that nobody keeps
        except BrokenStream as error:
            return [*error.received, error]

    def answer(self, event: ControlFrame | WebSocketError, *, blocked: bool = False) -> None:
        """Do what a control frame, or the breach of the protocol, asks for.

        Args:
            event: What `receive` returned.
            blocked: Whether the client does not read. Of its pings the last one is answered then,
                when it does (section 5.5.3): pongs to a client that reads nothing would pile up.
        """
        if isinstance(event, WebSocketError):
            self.error = event
            if self.state is _OPEN:
                self._put(encode_close(event.code, event.reason))
            if self.state is not WebSocketState.CLOSED:
                self._step(Step.FAIL)
        elif event.opcode == PING:
            if self.state is not _OPEN:
                return
            pong = encode_control(PONG, event.payload)
            if blocked:
                self._pong = pong
            else:
                self._put(pong)
        elif event.opcode == CLOSE and self.state is not WebSocketState.CLOSED:
            if self.state is _OPEN:
                self._put(encode_close(NORMAL if event.code == NO_STATUS else event.code))
            self._step(Step.CLOSED_BY_CLIENT)

    def unblocked(self) -> None:
        """Note that the client reads on: put the pong that it is owed into the cork."""
        pong, self._pong = self._pong, None
        if pong is not None and self.state is _OPEN:
            self._put(pong)

    # -- bytes out ------------------------------------------------------------------------

    def take(self) -> bytes:
        """Take all that is in the cork as one piece; empty if there is nothing."""
        data, more = self._head, self._more
        self._head = b""
        self.size = 0
        if more is None:
            return data if type(data) is bytes else bytes(data)
        self._more = None
        more.appendleft(data)
        return b"".join(more)

    def take_some(self) -> bytes | memoryview:
        """Take what is to be written next to a socket that may not take all; empty if nothing.

        Small pieces are joined; of what is large enough by itself nothing is copied.
        """
        data, more = self._head, self._more
        if len(data) > MAX_JOINED:
            view = memoryview(data)
            data, self._head = view[:MAX_JOINED], view[MAX_JOINED:]
        elif more is None:
            self._head = b""
        else:
            if len(data) < WORTH_A_WRITE:
                parts, joined = [data], len(data)
                while more and joined + len(more[0]) <= MAX_JOINED:
                    part = more.popleft()
                    parts.append(part)
                    joined += len(part)
                data = b"".join(parts)
            self._head = more.popleft() if more else b""
            if not more:
                self._more = None
        self.size -= len(data)
        return data

    def put_back(self, data: bytes | memoryview, written: int) -> None:
        """Put back what the socket did not take of what `take_some` gave.

        Args:
            data: What was taken.
            written: How many bytes of it are written.
        """
        if written == len(data):
            return
        if self.size:
            if self._more is None:
                self._more = deque()
            self._more.appendleft(self._head)
        self._head = memoryview(data)[written:] if written else data
        self.size += len(data) - written
