"""Socket.IO 5 packets, with binary attachments and ack ids.

A `Packet` knows its own text, a `Decoder` knows which binary attachments its packet still waits
for.

The text of a packet is `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`; its binary
attachments follow as messages of their own (Socket.IO protocol 5, "Packet encoding").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, Final, cast

from ..exceptions import ProtocolError
from .depth import MAX_DEPTH, check_received, check_sendable, may_be_deep
from .json_codec import JSONModule, codec_for, default_codec, take_out_binary
from .surrogates import replace_surrogates

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

EVENTS: Final = (EVENT, BINARY_EVENT)
ACKS: Final = (ACK, BINARY_ACK)

packet_names: Final = (
    "CONNECT",
    "DISCONNECT",
    "EVENT",
    "ACK",
    "CONNECT_ERROR",
    "BINARY_EVENT",
    "BINARY_ACK",
)
"""The name of each packet type, by its number."""

RESERVED_EVENTS: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
"""Names that belong to the life cycle of a connection: no peer may send or be sent them."""

_DIGITS: Final = tuple("0123456")

MAX_ATTACHMENTS: Final = 10
"""Attachments of one packet that a decoder accepts by default, as the JavaScript parser does."""

MAX_ID_DIGITS: Final = 15
"""Digits of an ack id: more cannot be held exactly by a JavaScript number."""

# One digit more than allowed is enough to see that there are too many.
_take_digits: Final = cast(
    "Callable[[str, int], re.Match[str]]", re.compile(f"[0-9]{{0,{MAX_ID_DIGITS + 1}}}").match
)


class Packet:
    """One Socket.IO packet.

    A serializer of your own is a subclass that overrides `encode` and `decode`, and sets
    `uses_binary_events` to False when its encoding carries binary values by itself.

    Args:
        packet_type: `CONNECT` … `BINARY_ACK`.
        data: The payload: a list for events (name first) and acks, else any JSON value.
        namespace: The namespace; None means `/`.
        id: The ack id, or None.
        binary: Accepted for compatibility; binary values are found while encoding.
        encoded_packet: Decode this instead of taking the fields from the other arguments.

    Raises:
        ProtocolError: `encoded_packet` is not a valid packet.
    """

    __slots__ = ("attachment_count", "attachments", "data", "id", "namespace", "packet_type")

    uses_binary_events: ClassVar[bool] = True
    """Whether binary values travel as attachments behind the packet."""

    json: ClassVar[Any] = default_codec
    """The JSON codec; `with_json` makes a subclass with another one."""

    max_attachments: ClassVar[int] = MAX_ATTACHMENTS
    """How many attachments `decode` accepts."""

    packet_type: int
    data: Any
    namespace: str | None
    id: int | None
    attachment_count: int
    attachments: list[bytes]

    def __init__(
        self,
        packet_type: int = EVENT,
        data: Any = None,
        namespace: str | None = None,
        id: int | None = None,
        binary: bool | None = None,
        encoded_packet: str | bytes | None = None,
    ) -> None:
        self.packet_type = packet_type
        self.data = data
        self.namespace = namespace
        self.id = id
        self.attachment_count = 0
        if encoded_packet:
            self.attachment_count = self.decode(encoded_packet) or 0

    def __getattr__(self, name: str) -> Any:
        # Only packets that are being decoded have attachments; the others need no list for them.
        if name == "attachments":
            self.attachments = []
            return self.attachments
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        names = packet_names
        name = names[self.packet_type] if 0 <= self.packet_type < len(names) else "?"
        return f"<Packet {name} {self.namespace or '/'} id={self.id} {self.data!r}>"

    @classmethod
    def encode_event(
        cls, data: list[Any], namespace: str, id: int | None = None
    ) -> str | bytes | list[str | bytes]:
        """Return the messages of an event; see `encode`.

        Args:
            data: The name and the arguments.
            namespace: The namespace.
            id: The ack id, or None.
        """
        if cls.encode is not Packet.encode:
            messages = encode_messages(cls(EVENT, data, namespace, id))
            return messages if len(messages) > 1 else messages[0]
        attachments: list[bytes] = []
        text: str = cls.json.dumps(data, attachments)
        if len(text) > 2 * MAX_DEPTH and may_be_deep(text):
            check_sendable(data)
        if not attachments and namespace == "/":
            # What nearly every event is: no packet object is needed for it.
            return "2" + text if id is None else f"2{id}{text}"
        return cls(EVENT, None, namespace).frame(text, attachments, id)

    @classmethod
    def with_json(cls, module: JSONModule | None) -> type[Packet]:
        """Return a subclass that uses a JSON module of the caller's.

        Args:
            module: An object with `dumps` and `loads`, or None for the default codec.
        """
        if module is None:
            return cls
        return type(cls.__name__, (cls,), {"__slots__": (), "json": codec_for(module)})

    def encode(self) -> str | bytes | list[str | bytes]:
        """Return the packet's messages.

        Returns:
            One message, or a list of the text message followed by its binary attachments.

        Raises:
            ValueError: NaN or an infinity in the data, or data that is nested too deeply.
            TypeError: A value that JSON cannot express.
        """
        attachments: list[bytes] = []
        text = "" if self.data is None else self.json.dumps(self.data, attachments)
        if may_be_deep(text):
            check_sendable(self.data)
        return self.frame(text, attachments, self.id)

    def frame(self, text: str, attachments: list[bytes], id: int | None) -> str | list[str | bytes]:
        """Put the header before a payload that is encoded already.

        Args:
            text: The JSON text of the payload.
            attachments: The binary values that were taken out of it.
            id: The ack id; a broadcast with a callback has one per recipient.
        """
        packet_type = self.packet_type
        namespace = self.namespace
        head = _DIGITS[packet_type]
        if not attachments and packet_type < BINARY_EVENT and namespace == "/" and id is None:
            return head + text
        if attachments:
            if packet_type == EVENT:
                packet_type = BINARY_EVENT
            elif packet_type == ACK:
                packet_type = BINARY_ACK
            elif packet_type not in (BINARY_EVENT, BINARY_ACK):
                raise ValueError(f"a {packet_names[packet_type]} packet cannot carry binary data")
            head = f"{packet_type}{len(attachments)}-"
        elif packet_type == BINARY_EVENT:
            head = str(EVENT)
        elif packet_type == BINARY_ACK:
            head = str(ACK)
        if namespace is not None and namespace != "/":
            # No JSON, so there is no escape for half an emoji.
            head += replace_surrogates(namespace) + ","
        if id is not None:
            head += str(id)
        if attachments:
            return [head + text, *attachments]
        return head + text

    def decode(self, encoded_packet: str | bytes) -> int:
        """Take the fields from a packet's text.

        Args:
            encoded_packet: The text message of a packet.

        Returns:
            How many binary attachments follow.

        Raises:
            ProtocolError: The text is no valid packet.
        """
        if not isinstance(encoded_packet, str):
            raise ProtocolError("binary message without a packet that announced it")
        text = encoded_packet
        packet_type = ord(text[0]) - 48 if text else -1
        if not CONNECT <= packet_type <= BINARY_ACK:
            raise ProtocolError(f"unknown packet type in {text[:20]!r}")
        self.packet_type = packet_type
        position = 1
        count = 0
        if packet_type >= BINARY_EVENT:
            position = text.find("-", 1, 12)
            digits = text[1:position]
            if position < 2 or not _is_number(digits):
                raise ProtocolError(f"missing attachment count in {text[:20]!r}")
            count = int(digits)
            if count > self.max_attachments:
                raise ProtocolError(
                    f"{count} attachments in one packet, at most {self.max_attachments} allowed"
                )
            position += 1
        if text.startswith("/", position):
            end = text.find(",", position)
            if end < 0:
                end = len(text)
            self.namespace = text[position:end].partition("?")[0]
            position = end + 1
        digits = _take_digits(text, position).group()
        if digits:
            if len(digits) > MAX_ID_DIGITS:
                raise ProtocolError(f"ack id of more than {MAX_ID_DIGITS} digits")
            self.id = int(digits)
            position += len(digits)
        data = self.json.loads(text[position:]) if position < len(text) else None
        self._check(packet_type, data)
        self.data = data
        if packet_type >= BINARY_EVENT:
            self.attachments = []
            if count == 0:
                self._put_attachments()
        elif may_be_deep(text):
            check_received(data)
        return count

    def _put_attachments(self) -> None:
        """Complete the data, of which the placeholders are no levels."""
        self.data = reconstruct_binary(self.data, self.attachments)
        check_received(self.data)

    def _check(self, packet_type: int, data: Any) -> None:
        """Refuse a payload that its packet type does not allow."""
        if packet_type in EVENTS:
            check_event(data)
        elif packet_type in ACKS:
            if not isinstance(data, list):
                raise ProtocolError("the payload of an ack is not an array")
            if self.id is None:
                raise ProtocolError("an ack without an id")
        elif packet_type == CONNECT:
            if data is not None and not isinstance(data, dict):
                raise ProtocolError("the payload of CONNECT is not an object")
        elif packet_type == DISCONNECT:
            if data is not None:
                raise ProtocolError("DISCONNECT has no payload")
        elif not isinstance(data, str | dict):
            raise ProtocolError("the payload of CONNECT_ERROR is neither an object nor a string")

    def add_attachment(self, attachment: bytes) -> bool:
        """Add the next binary attachment.

        Args:
            attachment: The binary message that followed the packet.

        Returns:
            True when this was the last one: the data is complete now.

        Raises:
            ProtocolError: More attachments than announced, or a wrong placeholder.
        """
        if len(self.attachments) >= self.attachment_count:
            raise ProtocolError("a binary message that no packet announced")
        self.attachments.append(attachment)
        if len(self.attachments) < self.attachment_count:
            return False
        self._put_attachments()
        return True

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        """Tell whether a value holds binary data at any depth."""
        if isinstance(data, bytes | bytearray | memoryview):
            return True
        if isinstance(data, dict):
            return any(cls.data_is_binary(item) for item in data.values())
        if isinstance(data, list | tuple):
            return any(cls.data_is_binary(item) for item in data)
        return False

    @classmethod
    def deconstruct_binary(cls, data: Any) -> tuple[Any, list[bytes]]:
        """Return a payload with placeholders for its binary values, and these values."""
        attachments: list[bytes] = []
        return take_out_binary(data, attachments), attachments

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """Put binary values back where their placeholders are.

        Raises:
            ProtocolError: A placeholder without a number or with one out of range.
        """
        return reconstruct_binary(data, attachments)


def arguments_of(data: Any) -> list[Any]:
    """Return the arguments that an application means: a tuple are several, None is none."""
    if isinstance(data, tuple):
        return list(data)
    return [] if data is None else [data]


def encode_messages(packet: Packet) -> list[str | bytes]:
    """Return the messages of a packet, of whatever class, as a websocket can carry them.

    A serializer of somebody else's may let a lone surrogate through, which would end the
    connections of all recipients: it leaves as U+FFFD, as in JavaScript.
    """
    encoded = packet.encode()
    messages = encoded if isinstance(encoded, list) else [encoded]
    if type(packet).encode is Packet.encode:
        return messages
    return [replace_surrogates(each) if isinstance(each, str) else each for each in messages]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def check_event(data: Any) -> None:
    """Refuse an inbound event payload that is no `[name, argument, …]`.

    Raises:
        ProtocolError: Not an array, no name, or a reserved name.
    """
    if type(data) is not list or not data:
        raise ProtocolError("the payload of an event is not an array with a name")
    name = data[0]
    if type(name) is str:
        if name in RESERVED_EVENTS:
            raise ProtocolError(f"the event name {name!r} is reserved")
    elif type(name) is not int:
        raise ProtocolError("the name of an event is neither a string nor an integer")


def reconstruct_binary(data: Any, attachments: list[bytes]) -> Any:
    """Put binary attachments back where their placeholders are.

    Args:
        data: A decoded payload, whose lists and dicts are changed in place.
        attachments: The binary messages, by placeholder number.

    Returns:
        The payload, or the attachment if it is a placeholder itself.

    Raises:
        ProtocolError: A placeholder without a number or with one out of range.
    """
    if _is_placeholder(data):
        return _attachment_for(data, attachments)
    # Without recursion: peers may nest more deeply than Python's stack allows.
    containers = [data] if isinstance(data, list | dict) else []
    while containers:
        container = containers.pop()
        items = enumerate(container) if isinstance(container, list) else container.items()
        for key, item in items:
            if _is_placeholder(item):
                container[key] = _attachment_for(item, attachments)
            elif isinstance(item, list | dict):
                containers.append(item)
    return data


def _is_placeholder(data: Any) -> bool:
    return isinstance(data, dict) and data.get("_placeholder") is True


def _attachment_for(placeholder: dict[str, Any], attachments: list[bytes]) -> bytes:
    number = placeholder.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise ProtocolError(f"illegal attachment number {number!r}")
    return attachments[number]


class SerializerError(ProtocolError):
    """A packet class of the application's has failed on a message; the cause is what it raised."""


class Decoder:
    """Collects one peer's messages into packets (sans-I/O).

    Args:
        packet_class: `Packet` or a serializer's subclass of it.
        max_bytes: How many bytes of attachments one packet may have in all; None: no bound.
    """

    __slots__ = ("_bytes_left", "_loads", "_max_bytes", "_packet", "_packet_class", "size")

    def __init__(self, packet_class: type[Packet] = Packet, max_bytes: int | None = None) -> None:
        self.size = 0
        """The size of the last packet that `add` took, in characters of text and in bytes."""
        self._packet_class = packet_class
        self._max_bytes = max_bytes
        plain = packet_class.decode is Packet.decode
        self._loads: Callable[[str], Any] | None = packet_class.json.loads if plain else None
        self._packet: Packet | None = None
        self._bytes_left = 0

    def add_plain_event(self, message: str | bytes) -> list[Any] | None:
        """Take a message if it is an event in `/` without ack or attachments, as nearly all are.

        Args:
            message: A text or binary Engine.IO message.

        Returns:
            The name and the arguments; None for any other message, which `add` takes.

        Raises:
            ProtocolError: The message is no valid event.
        """
        if message[:2] != "2[" or self._loads is None or self._packet is not None:
            return None
        data: list[Any] = self._loads(message[1:])  # type: ignore[arg-type]  # compared with text
        if len(message) > 2 * MAX_DEPTH and may_be_deep(message):  # type: ignore[arg-type]  # as above
            check_received(data)
        if type(data[0] if data else None) is not str or data[0] in RESERVED_EVENTS:
            check_event(data)
        return data

    @property
    def waits_for_attachment(self) -> Packet | None:
        """The packet whose attachments are still due, or None."""
        return self._packet

    @property
    def attachment_bytes(self) -> int:
        """How many bytes the attachments of the last binary packet have."""
        return 0 if self._max_bytes is None else self._max_bytes - self._bytes_left

    def add(self, message: str | bytes) -> Packet | None:
        """Take one message of the peer.

        Args:
            message: A text or binary Engine.IO message.

        Returns:
            The packet that the message completes, or None while attachments are due.

        Raises:
            ProtocolError: The message is no packet, or not the one that was due.
        """
        if self._packet is not None:
            return self._add_attachment(self._packet, message)
        if not message:
            raise ProtocolError("an empty message is no packet")
        packet = self._decode(message)
        self.size = len(message)
        if packet.attachment_count:
            self._packet = packet
            if self._max_bytes is not None:
                self._bytes_left = self._max_bytes
            return None
        return packet

    def _decode(self, message: str | bytes) -> Packet:
        try:
            return self._packet_class(encoded_packet=message)
        except (ProtocolError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a packet class of the application's raises what it likes
            raise SerializerError(f"the serializer failed: {error!r}") from error

    def _add_attachment(self, packet: Packet, message: str | bytes) -> Packet | None:
        if isinstance(message, str):
            raise ProtocolError("a text message where a binary attachment was due")
        self.size += len(message)
        if self._max_bytes is not None:
            self._bytes_left -= len(message)
            if self._bytes_left < 0:
                raise ProtocolError(f"attachments of more than {self._max_bytes} bytes")
        if not packet.add_attachment(bytes(message)):
            return None
        self._packet = None
        return packet

    def clear(self) -> None:
        """Forget a packet that is not complete (its connection is gone)."""
        self._packet = None


class AckCounter:
    """Hands out ack ids and keeps what waits for each (sans-I/O).

    Ids count up from 0 and are never an entry that a peer can remove by guessing.
    """

    __slots__ = ("_ids", "_pending")

    def __init__(self) -> None:
        self._ids = count()
        self._pending: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, callback: Any) -> int:
        """Keep a callback and return the id under which its ack will come."""
        ack_id = next(self._ids)  # atomic, where several threads ask
        self._pending[ack_id] = callback
        return ack_id

    def get(self, ack_id: int) -> Any | None:
        """Return what waits for an ack; None for an unknown id."""
        return self._pending.get(ack_id)

    def pop(self, ack_id: int) -> Any | None:
        """Return what waits for an ack and forget it; None for an unknown or repeated id."""
        return self._pending.pop(ack_id, None)

    def discard(self, callback: Any) -> None:
        """Forget every ack that a callback waits for."""
        for ack_id, waiting in list(self._pending.items()):
            if waiting is callback:
                self._pending.pop(ack_id, None)

    def clear(self) -> list[Any]:
        """Forget everything that waits and return it."""
        waiting = list(self._pending.values())
        self._pending.clear()
        return waiting
