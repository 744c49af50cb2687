"""The client's side of Engine.IO 4, sans-I/O: addresses, handshake, outbox, refusals."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote as percent_encode
from urllib.parse import urljoin, urlsplit, urlunsplit

from ..exceptions import ProtocolError
from .engine import CLOSE_PACKET, OPEN, PROTOCOL, EnginePacket, decode_packet, decode_payload

SHOWN_BYTES: Final = 100
"""How much of an unexpected answer an error message quotes."""

FLUSH_TIMEOUT: Final = 0.5
"""Seconds that a disconnect waits for the last packets to leave and the websocket to close."""

SEND_MARK: Final = 1 << 20
"""Bytes of unsent packets above which an emit waits until half of them have left."""

CONNECTION_ERROR: Final = "Connection error"
"""What `connect_error` handlers are told of a websocket that cannot be opened.

Programs compare it with exactly this text, python-socketio's; the exception says why besides.
"""

MAX_REDIRECTS: Final = 20
"""How many redirects of one request are followed."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""The statuses that send a client elsewhere (RFC 9110, section 15.4)."""

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_OWN_PARAMETERS: Final = frozenset({"transport", "EIO", "sid", "t"})

# What may stand in a URL as it is: everything but spaces, quotes and what is not ASCII.
_URL_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~"

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

    sid: str = field(repr=False)
    """The session id; a secret, which stands in no log line."""
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


@dataclass(frozen=True, slots=True)
class Address:
    """Where the requests of a session go, and with which headers."""

    url: str
    """An http or https URL, without the parameters that Engine.IO adds."""
    headers: Mapping[str, str]
    """The caller's headers, except `Cookie`."""
    cookies: str | None
    """The caller's `Cookie` header as it was given."""
    trusted: bool = True
    """Whether this is the server that the caller named, which may see credentials."""

    @classmethod
    def of(cls, url: str, path: str, headers: Mapping[str, str]) -> Address:
        """Return the address of an engine.

        Args:
            url: The server's address as the caller gave it; a query string is kept as it is, a
                path is not.
            path: Where the engine is served, as `socket.io`.
            headers: Headers of every request.

        Raises:
            ValueError: `url` has no host or a scheme that is none of http, https, ws and wss, or
                a header would be several lines.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
            raise ValueError(
                f"cannot connect to {url!r}: give a URL such as 'http://localhost:5000' "
                "(http, https, ws or wss)"
            )
        own, cookies = _split_headers(headers)
        return cls(_clean(url, f"/{path.strip('/')}/"), own, cookies)

    def request(self, transport: str, sid: str | None = None, timestamp: str | None = None) -> str:
        """Return the URL of one request.

        Args:
            transport: `polling` or `websocket`.
            sid: The session; None: it is to be opened.
            timestamp: What keeps caches away; None: nothing does.
        """
        parts = [urlsplit(self.url).query, f"transport={transport}&EIO={PROTOCOL}"]
        if sid is not None:
            parts.append(f"sid={percent_encode(sid, safe='')}")
        if timestamp is not None:
            parts.append(f"t={timestamp}")
        return f"{self.url.partition('?')[0]}?{'&'.join(filter(None, parts))}"

    def follow(self, location: str) -> Address:
        """Return the address that a redirect leads to.

        Another server gets none of the caller's credentials.

        Raises:
            ProtocolError: It leads to no HTTP server.
        """
        url = urljoin(self.url, location)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
            raise ProtocolError(f"the server redirects to {location[:SHOWN_BYTES]!r}")
        url = _clean(url, parts.path or "/")
        if self.trusted and same_server(self.url, url):
            return Address(url, self.headers, self.cookies)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _CREDENTIALS}
        return Address(url, headers, None, trusted=False)

    def __str__(self) -> str:
        """Return it for a log line, without credentials."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _clean(url: str, path: str) -> str:
    """Return a URL in the form of `Address.url`."""
    parts = urlsplit(url)
    scheme = "https" if parts.scheme in ("https", "wss") else "http"
    query = "&".join(
        parameter
        for parameter in parts.query.split("&")
        if parameter.partition("=")[0] not in _OWN_PARAMETERS
    )
    return urlunsplit(
        (
            scheme,
            parts.netloc,
            percent_encode(path, safe=_URL_CHARACTERS),
            percent_encode(query, safe=_URL_CHARACTERS),
            "",
        )
    )


def same_server(url: str, other: str) -> bool:
    """Tell whether credentials for one URL may be sent to another: also when TLS is added."""
    old, new = urlsplit(url), urlsplit(other)
    ports = {"http": 80, "https": 443}
    before, after = old.port or ports[old.scheme], new.port or ports[new.scheme]
    return old.hostname == new.hostname and (
        (old.scheme, before) == (new.scheme, after)
        or (old.scheme, before, new.scheme, after) == ("http", 80, "https", 443)
    )


def _split_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Return headers without `Cookie`, and the value of that.

    Raises:
        ValueError: One would end early and begin another.
    """
    own: dict[str, str] = {}
    cookies = None
    for name, value in headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if any(character in f"{name}{text}" for character in "\r\n\0"):
            raise ValueError(
                f"the header {name!r} has a line break or a NUL in it, which no header may have: "
                f"{text!r}"
            )
        if name.lower() == "cookie":
            cookies = text if cookies is None else f"{cookies}; {text}"
        else:
            own[name] = text
    return own, cookies


def cookie_pairs(cookies: str | None) -> list[tuple[str, str]]:
    """Return the names and values of a `Cookie` header, each as it stands there."""
    pairs = (part.strip().partition("=") for part in (cookies or "").split(";"))
    return [(name, value) for name, _, value in pairs if name or value]


def join_cookies(known: str | None, given: str | None) -> str | None:
    """Return one `Cookie` header.

    Args:
        known: Of the cookies that the server has set.
        given: The caller's, which are sent as they are and go before others of their name.
    """
    names = {name for name, _ in cookie_pairs(given)}
    kept = [f"{name}={value}" for name, value in cookie_pairs(known) if name not in names]
    return "; ".join([*kept, *([given] if given else [])]) or None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered to an HTTP request."""

    status: int
    """The HTTP status."""
    body: bytes = b""
    """The body, or what is known of it."""
    location: str | None = None
    """Where to ask instead; None: nowhere."""

    @property
    def redirects(self) -> bool:
        """Whether the request is to be made elsewhere."""
        return self.status in REDIRECTS and self.location is not None


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


class ClientOutbox:
    """Packets that wait to be sent, in order, counted at what they cost.

    Any thread may add; only who has the turn to write takes packets out.

    Args:
        max_payload: Bytes that the body of one POST may have; None: any number.
    """

    __slots__ = (
        "_added",
        "_added_cost",
        "_lock",
        "_max_payload",
        "_sent_cost",
        "_taken",
        "_taken_cost",
        "left",
        "packets",
        "passed",
        "passing_cost",
    )

    def __init__(self, max_payload: int | None) -> None:
        self._max_payload = max_payload
        self.packets: deque[EnginePacket] = deque()
        """Those that wait, for others to look at only."""
        self._lock = threading.Lock()
        self._added = 0
        self._added_cost = 0
        self._sent_cost = 0
        self._taken = 0
        self._taken_cost = 0
        self.left = 0
        """How many packets have waited here and have left."""
        self.passed = 0
        """How many have left without having waited."""
        self.passing_cost = 0
        """What one costs that is leaving so.

        Only who has the turn to write changes it, and `passed`, so that no lock is needed."""

    def __len__(self) -> int:
        return len(self.packets)

    @property
    def size(self) -> int:
        """Bytes of memory that packets take which have not left."""
        return self._added_cost - self._sent_cost + self.passing_cost

    @property
    def sent(self) -> int:
        """How many packets have left."""
        return self.left + self.passed

    def add(self, packet: EnginePacket) -> None:
        """Keep a packet until it can be sent."""
        self.add_all((packet,))

    def add_all(self, packets: Sequence[EnginePacket]) -> int:
        """Keep packets until they can be sent, with nothing between them.

        Returns:
            What `left` will at least be when all of them have left.
        """
        cost = 0
        for packet in packets:  # before the lock is held
            cost += packet.cost
        with self._lock:
            self.packets.extend(packets)
            self._added_cost += cost
            self._added += len(packets)
            return self._added

    def next(self) -> EnginePacket | None:
        """Take the packet that has waited longest, or None."""
        try:
            packet = self.packets.popleft()
        except IndexError:
            return None
        self._taken += 1
        self._taken_cost += packet.cost
        return packet

    def next_payload(self) -> str:
        """Take what the body of one POST may carry: at least one packet.

        The server's `maxPayload` bounds the body in bytes; a single packet above it is sent all
        the same, for the server to refuse. A CLOSE travels alone: the JavaScript server acts on
        it before it acts on a DISCONNECT of the same body, and then knows no reason.
        """
        encoded: list[str] = []
        size = -1
        while self.packets:
            packet = self.packets[0]
            if encoded and packet is CLOSE_PACKET:
                break
            text = packet.polling
            size += 1 + (len(text) if text.isascii() else len(text.encode()))
            if encoded and self._max_payload is not None and size > self._max_payload:
                break
            self.next()
            encoded.append(text)
        return "\x1e".join(encoded)

    def has_left(self) -> None:
        """Note that what was taken out has left."""
        self.left += self._taken
        self._sent_cost += self._taken_cost
        self._taken = self._taken_cost = 0
