"""Signs what processes tell each other, and knows what nobody with the secret has signed (no I/O).

A message is a JSON object in UTF-8; its signature is the last member, so that processes without
the secret still understand the message. It covers the channel's name too: what was said on one
channel is worth nothing on another one with the same secret.
"""

from __future__ import annotations

import hmac

from .messages import BusMessageError

_BEFORE = b',"signature":"'
_AFTER = b'"}'
_DIGITS = 64
_LENGTH = len(_BEFORE) + _DIGITS + len(_AFTER)


class Signer:
    """HMAC-SHA256 with a secret that all processes of one cluster share.

    Args:
        secret: The secret, text or bytes.
        channel: The channel that the messages travel on.

    Raises:
        ValueError: The secret is empty.
    """

    def __init__(self, secret: str | bytes, channel: str) -> None:
        key = secret.encode() if isinstance(secret, str) else secret
        if not key:
            raise ValueError("the secret that signs messages between processes is empty")
        self._keyed = hmac.new(key, channel.encode() + b"\0", "sha256")

    def sign(self, message: bytes) -> bytes:
        """Return a message with its signature."""
        return b"".join((message[:-1], _BEFORE, self._signature(message), _AFTER))

    def verify(self, signed: object) -> bytes:
        """Return a message without its signature.

        Args:
            signed: What was received.

        Raises:
            BusMessageError: It is not signed, or not with our secret.
        """
        if isinstance(signed, str):
            signed = signed.encode(errors="surrogatepass")
        if not isinstance(signed, bytes | bytearray | memoryview):
            raise BusMessageError("not signed", f"it is of the type {type(signed).__name__}")
        text = bytes(signed)
        message, tail = text[:-_LENGTH] + b"}", text[-_LENGTH:]
        if not (tail.startswith(_BEFORE) and tail.endswith(_AFTER)):
            raise BusMessageError("not signed", "another process does not know the secret")
        found = tail[len(_BEFORE) : -len(_AFTER)]
        if not hmac.compare_digest(found, self._signature(message)):
            raise BusMessageError("wrong signature", "forged, or signed with another secret")
        return message

    def _signature(self, message: bytes) -> bytes:
        digest = self._keyed.copy()
        digest.update(message)
        return digest.hexdigest().encode()
