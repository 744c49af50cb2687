"""The msgpack serializer: one binary message per packet, no attachments.

Chosen by `serializer='msgpack'`; it speaks with `socket.io-msgpack-parser`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

try:
    import msgpack
except ImportError as error:
    raise ImportError(
        "serializer='msgpack' needs the package msgpack; install it with: "
        "pip install 'socketio[msgpack]'"
    ) from error

from ..exceptions import ProtocolError
from .depth import MAX_DEPTH, check_received, check_sendable
from .packets import CONNECT, CONNECT_ERROR, DISCONNECT, MAX_ID_DIGITS, Packet
from .surrogates import REPLACING

UNDEFINED: Final = (0, b"\0")
"""The extension type by which the JavaScript parser writes `undefined`: code and bytes."""


LOOKED_THROUGH_FIRST: Final = 4096
"""Bytes of a message from which on it is looked through before anything is made of it.

Lists are made with room for all items that they announce. Nested ones, of which each announces
what none of them has, cost 240 ms a megabyte.
"""

_has_binary: Final = re.compile(b"[\xc4-\xc6]").search
"""Finds what begins a binary value. It may be something else, but there is none without it."""


def string_keys(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Return a map whose keys are strings, as they are in JavaScript.

    Integers become their digits before anything is looked up by them: a peer could choose those
    that all collide, while the hashes of strings are secret.

    Args:
        pairs: Keys and values, in order.

    Raises:
        ValueError: A key is neither a string nor a number, nor a constant.
    """
    return {key if type(key) is str else _spelled(key): value for key, value in pairs}


def _spelled(key: Any) -> str:
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float):
        return str(key)
    raise ValueError(f"a map with a key of type {type(key).__name__}")


class MsgPackPacket(Packet):
    """A packet in msgpack: a map of `type`, `data`, `nsp` and, for acks, `id`."""

    __slots__ = ()

    uses_binary_events = False

    dumps_default: ClassVar[Callable[[Any], Any] | None] = None
    """Turns a value that msgpack does not know into one that it does."""

    ext_hook: ClassVar[Callable[[int, bytes], Any]] = staticmethod(msgpack.ExtType)
    """Makes the value of an extension type from its code and bytes."""

    @classmethod
    def configure(
        cls,
        dumps_default: Callable[[Any], Any] | None = None,
        ext_hook: Callable[[int, bytes], Any] = msgpack.ExtType,
        **kwargs: Any,
    ) -> type[MsgPackPacket]:
        """Return a subclass with hooks of the caller's, to be passed as `serializer`.

        Args:
            dumps_default: Turns a value that msgpack does not know into one that it does.
            ext_hook: Makes the value of an extension type from its code and bytes; not asked for
                JavaScript's `undefined`, which is None.
            **kwargs: Further class attributes.
        """
        attributes: dict[str, Any] = {
            "__slots__": (),
            "dumps_default": staticmethod(dumps_default) if dumps_default else None,
            "ext_hook": staticmethod(ext_hook),
            **kwargs,
        }
        return type("MsgPackPacket", (cls,), attributes)

    def encode(self) -> bytes:
        """Return the packet as one binary message.

        Text in msgpack is UTF-8: a lone surrogate leaves as U+FFFD.

        Raises:
            ValueError: A number beyond 64 bits, or data that is nested too deeply.
            TypeError: A value that msgpack cannot express.
        """
        packet: dict[str, Any] = {"type": self.packet_type}
        # A DISCONNECT with `data: nil` is a parse error for the JavaScript client.
        if self.packet_type not in (DISCONNECT, CONNECT) or self.data is not None:
            packet["data"] = self.data
        packet["nsp"] = self.namespace or "/"
        if self.id is not None:
            packet["id"] = self.id
        try:
            encoded = self._write(packet)
        except UnicodeEncodeError:
            # Only now, because the encoder is slower with an error handler.
            encoded = self._write(packet, unicode_errors=REPLACING)
        if len(encoded) > MAX_DEPTH:  # each level takes a byte at least
            check_sendable(self.data)
        return encoded

    def _write(self, packet: dict[str, Any], **options: Any) -> bytes:
        try:
            encoded: bytes = msgpack.dumps(packet, default=type(self).dumps_default, **options)
        except OverflowError as error:
            raise ValueError(f"cannot send this value as msgpack: {error}") from error
        return encoded

    @classmethod
    def _take_extension(cls, code: int, data: bytes) -> Any:
        """Return the value of an extension type: None for JavaScript's `undefined`."""
        if (code, data) == UNDEFINED:
            return None
        return cls.ext_hook(code, data)

    @classmethod
    def _read(cls, message: bytes) -> Any:
        """Return the value of a message, in which the keys of maps are strings."""
        if len(message) > LOOKED_THROUGH_FIRST:
            complete = msgpack.Unpacker(max_buffer_size=len(message))
            complete.feed(message)
            complete.skip()
        if not _has_binary(message):
            try:
                # Faster than with a hook. It lets binary keys pass, of which there are none here.
                return msgpack.loads(message, ext_hook=cls._take_extension, strict_map_key=True)
            except ValueError:
                pass  # some key is no string, or the message is wrong: the hook finds out
        return msgpack.loads(
            message,
            ext_hook=cls._take_extension,
            strict_map_key=False,
            object_pairs_hook=string_keys,
        )

    def decode(self, encoded_packet: str | bytes) -> int:
        """Take the fields from a binary message.

        Returns:
            0: no attachments follow.

        Raises:
            ProtocolError: The message is no valid packet.
        """
        if isinstance(encoded_packet, str):
            raise ProtocolError("a text message where the msgpack parser expects a binary one")
        try:
            packet = self._read(encoded_packet)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the hook is the user's; msgpack raises many types
            raise ProtocolError(f"invalid msgpack: {error}") from error
        if not isinstance(packet, dict):
            raise ProtocolError("a msgpack packet is a map")
        if len(encoded_packet) > MAX_DEPTH:
            check_received(packet.get("data"))
        packet_type, ack_id = packet.get("type"), packet.get("id")
        namespace = packet.get("nsp", "/")
        if type(packet_type) is not int or not CONNECT <= packet_type <= CONNECT_ERROR:
            raise ProtocolError(f"unknown packet type {packet_type!r}")
        if not isinstance(namespace, str) or not namespace.startswith("/"):
            raise ProtocolError(f"invalid namespace {namespace!r}")
        if ack_id is not None and not (type(ack_id) is int and 0 <= ack_id < 10**MAX_ID_DIGITS):
            raise ProtocolError(f"invalid ack id {ack_id!r}")
        data = packet.get("data")
        self.packet_type, self.id, self.namespace = packet_type, ack_id, namespace
        self._check(packet_type, data)
        self.data = data
        return 0
