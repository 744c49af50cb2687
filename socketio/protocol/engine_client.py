"""The client's side of Engine.IO 4, sans-I/O: handshake, outbox, what a refusal means.

Called by the Engine.IO clients of both flavours, which own sockets and clocks.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from ..exceptions import ProtocolError
from .engine import CLOSE_PACKET, OPEN, PROTOCOL, Packet, decode_packet, decode_payload

SHOWN_BYTES: Final = 100
"""How much of an unexpected answer an error message quotes."""

# A string payload of Engine.IO 3 begins with the length of its first packet, a binary one with
# a marker, the digits of the length as bytes, and 255.
_REVISION_3_PAYLOAD: Final = re.compile(rb"\d+:0\{|[\x00\x01][\x00-\x09]+\xff")

OLD_GENERATION: Final = (
    "the server speaks the protocol of the Socket.IO 2.x generation (Engine.IO 3), and this "
    "client that of 3.x and later (Engine.IO 4): upgrade the server, or set allowEIO3 there and "
    "use an old client"
)
"""What a server of the generation before is told apart by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What the server says when it opens a session (Engine.IO 4, "Handshake")."""

    sid: str
    """The session id."""
    upgrades: tuple[str, ...]
    """Transports that the session may move to."""
    ping_interval: float
    """Seconds between the server's pings."""
    ping_timeout: float
    """Seconds that the server waits for the answer to a ping."""
    max_payload: int | None
    """Bytes that the body of one POST may have; None: the server did not say."""

    @property
    def silence(self) -> float:
        """Seconds without a ping after which the connection is dead."""
        return self.ping_interval + self.ping_timeout

    @classmethod
    def parse(cls, text: str) -> Handshake:
        """Return the handshake in the data of an OPEN packet.

        Raises:
            ProtocolError: It is not a JSON object, or a field is missing or of the wrong type.
        """
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise ProtocolError(f"the handshake is no JSON: {text[:SHOWN_BYTES]!r}") from error
        if not isinstance(fields, dict):
            raise ProtocolError(f"the handshake is no object: {text[:SHOWN_BYTES]!r}")
        sid, upgrades = fields.get("sid"), fields.get("upgrades", [])
        if not isinstance(sid, str) or not sid:
            raise ProtocolError("the handshake has no 'sid'")
        if not isinstance(upgrades, list):
            raise ProtocolError("'upgrades' in the handshake is no array")
        max_payload = fields.get("maxPayload")
        return cls(
            sid=sid,
            upgrades=tuple(map(str, upgrades)),
            ping_interval=_milliseconds(fields, "pingInterval"),
            ping_timeout=_milliseconds(fields, "pingTimeout"),
            max_payload=max_payload if type(max_payload) is int and max_payload > 0 else None,
        )


def _milliseconds(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise ProtocolError(f"{name!r} in the handshake is no number of milliseconds: {value!r}")
    return value / 1000


def open_polling(body: bytes) -> tuple[Handshake, list[tuple[int, str | bytes]]]:
    """Read the answer to the first poll.

    Args:
        body: The body of an answer with status 200.

    Returns:
        The handshake, and the packets that came behind it.

    Raises:
        ProtocolError: It is no Engine.IO 4 handshake; the message quotes its first bytes.
    """
    if _REVISION_3_PAYLOAD.match(body):
        raise ProtocolError(OLD_GENERATION)
    try:
        packets = list(decode_payload(body.decode()))
    except ValueError as error:
        raise ProtocolError(f"no Engine.IO handshake: {quote(body)}") from error
    packet_type, data = packets[0]
    if packet_type != OPEN or not isinstance(data, str):
        raise ProtocolError(f"no Engine.IO handshake: {quote(body)}")
    return Handshake.parse(data), packets[1:]


def open_websocket(message: str | bytes) -> Handshake:
    """Read the first message of a websocket that opens a session.

    Raises:
        ProtocolError: It is no Engine.IO 4 handshake; the message quotes its first bytes.
    """
    if isinstance(message, bytes):
        raise ProtocolError(f"no Engine.IO handshake: {quote(message)}")
    try:
        packet_type, data = decode_packet(message)
    except ProtocolError as error:
        raise ProtocolError(f"no Engine.IO handshake: {quote(message.encode())}") from error
    if packet_type != OPEN or not isinstance(data, str):
        raise ProtocolError(f"no Engine.IO handshake: {quote(message.encode())}")
    return Handshake.parse(data)


def quote(body: bytes) -> str:
    """Return the first bytes of an answer, for an error message."""
    shown = body[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f"{shown!r}" + ("…" if len(body) > SHOWN_BYTES else "")


def refusal(status: int, body: bytes) -> tuple[str, Any]:
    """Say what an HTTP answer that is no handshake means.

    Args:
        status: The HTTP status.
        body: The body, or what is known of it.

    Returns:
        A message with the status and the first bytes, and the body as JSON (None if it is none).
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    message = f"Unexpected status code {status} in server response"
    if body:
        message += f": {quote(body)}"
    if status == 404:
        message += " (is there a Socket.IO server, and at this path?)"
    elif isinstance(parsed, dict) and parsed.get("code") == 5:
        message += " (the server does not speak this generation of the protocol)"
    return message, parsed


def engine_url(url: str, path: str, transport: str) -> str:
    """Return the URL of a transport.

    Args:
        url: The server's address as the caller gave it; a query string is kept, a path is not.
        path: Where the engine is served, as `socket.io`.
        transport: `polling` or `websocket`.

    Raises:
        ValueError: `url` has no host, or a scheme that is none of http, https, ws and wss.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
        raise ValueError(
            f"cannot connect to {url!r}: give a URL such as 'http://localhost:5000' "
            "(http, https, ws or wss)"
        )
    secure = parts.scheme in ("https", "wss")
    scheme = ("http" if transport == "polling" else "ws") + ("s" if secure else "")
    query = f"{parts.query}&" if parts.query else ""
    query += f"transport={transport}&EIO={PROTOCOL}"
    return urlunsplit((scheme, parts.netloc, f"/{path.strip('/')}/", query, ""))


def choose_transports(transports: str | list[str] | tuple[str, ...] | None) -> list[str]:
    """Return the transports to use, in order.

    Raises:
        ValueError: None was given, or one that clients do not have.
    """
    if transports is None:
        return ["polling", "websocket"]
    names = [transports] if isinstance(transports, str) else list(transports)
    unknown = [name for name in names if name not in ("polling", "websocket")]
    if unknown or not names:
        raise ValueError(
            f"transports={transports!r}: No valid transports provided"
            if not names
            else f"transports={transports!r}: a client has 'polling' and 'websocket', "
            f"not {unknown[0]!r}"
        )
    return names


class Outbox:
    """Packets that wait to be sent, in order."""

    __slots__ = ("_max_payload", "_packets")

    def __init__(self, max_payload: int | None) -> None:
        self._max_payload = max_payload
        self._packets: deque[Packet] = deque()

    def __len__(self) -> int:
        return len(self._packets)

    def add(self, packet: Packet) -> None:
        """Keep a packet until it can be sent."""
        self._packets.append(packet)

    def next(self) -> Packet | None:
        """Take the packet that has waited longest, or None."""
        try:
            return self._packets.popleft()
        except IndexError:  # another thread took the last one
            return None

    def next_payload(self) -> str:
        """Take what the body of one POST may carry: at least one packet.

        The server's `maxPayload` bounds the body in bytes; a single packet above it is sent all
        the same, for the server to refuse. A CLOSE travels alone: the JavaScript server acts on
        it before it acts on a DISCONNECT of the same body, and then knows no reason.
        """
        encoded: list[str] = []
        size = -1
        while self._packets:
            packet = self._packets[0]
            if encoded and packet is CLOSE_PACKET:
                break
            text = packet.polling
            size += 1 + (len(text) if text.isascii() else len(text.encode()))
            if encoded and self._max_payload is not None and size > self._max_payload:
                break
            self._packets.popleft()
            encoded.append(text)
        return "\x1e".join(encoded)
