"""RFC 6455, the server's side, sans-I/O: opening handshake, frames, close codes.

Called by async modes that are given a raw socket; it is told which bytes arrived and answers what
they mean. No extension is negotiated, so a frame with a reserved bit is an error.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha1
from typing import Final

from ..exceptions import ProtocolError

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
TOO_BIG: Final = 1009

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


class FrameParser:
    """Makes messages and control frames of the bytes that a client sends.

    Args:
        max_size: Bytes that a message may have. A longer one is refused by its announced length,
            before anything of it is kept.
    """

    __slots__ = ("_chunks", "_fragments", "_max_size", "_missing", "_opcode", "_size", "closed")

    closed: bool
    """Whether the client's close frame has come; what follows it is ignored."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._chunks: list[bytes] = []
        self._missing = 0
        self._fragments: list[bytes] = []
        self._size = 0
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
        length = len(data) - 6
        if (
            # One short text in one frame, as nearly every read brings.
            0 < length < 126
            and data[0] == 0x81
            and data[1] == 0x80 | length
            and not (self._chunks or self._opcode or self.closed or length > self._max_size)
        ):
            try:
                return [unmask(data[6:], data[2:6]).decode()]
            except UnicodeDecodeError:
                pass  # what follows says what is wrong
        received: list[Received] = []
        if self._chunks:
            # Joined once, when the frame is complete: a long one arrives in many pieces.
            self._chunks.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return received
            data = b"".join(self._chunks)
            self._chunks.clear()
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
            self._chunks.append(data[position:])
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
        if self._size + length > self._max_size:
            raise WebSocketError(TOO_BIG, f"a message of more than {self._max_size} bytes")

    def _fragment(self, first: int, payload: bytes, received: list[Received]) -> None:
        """Take one fragment of a message."""
        if not self._opcode:
            self._opcode = first & 0x0F
        if payload:  # empty ones would count nothing, however many they are
            self._fragments.append(payload)
            self._size += len(payload)
        if first & 0x80:
            opcode, whole = self._opcode, b"".join(self._fragments)
            self._opcode, self._size = CONTINUATION, 0
            self._fragments.clear()
            received.append(_text(whole) if opcode == TEXT else whole)

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


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise WebSocketError(INVALID_DATA, f"text that is not UTF-8: {error}") from error


def _is_sendable(code: int) -> bool:
    """Tell whether a close frame may carry a code (RFC 6455, section 7.4)."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in (1004, 1005, 1006))
