"""The bytes of PUBLISH commands (RESP 2), several in one piece."""

from __future__ import annotations


class PublishCommands:
    """Packs messages for one channel.

    A command costs a few string operations here and some dozen function calls in the client
    library's pipeline.
    """

    def __init__(self, channel: str) -> None:
        name = channel.encode()
        self._head = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$" % (len(name), name)

    def pack(self, messages: list[bytes]) -> bytes:
        """Return the commands that publish messages in this order."""
        head = self._head
        return b"".join([b"%b%d\r\n%b\r\n" % (head, len(message), message) for message in messages])
