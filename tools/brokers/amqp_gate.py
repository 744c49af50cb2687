"""A gate before RabbitMQ that refuses queues as servers do which Debian does not have.

It reads what clients send, frame by frame, and answers some declarations of queues itself.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD = 1
_CONNECTION_CLOSE = (10, 50)
_CHANNEL_CLOSE = (20, 40)
_CHANNEL_CLOSE_OK = (20, 41)
_QUEUE_DECLARE = (50, 10)
_END = b"\xce"


@dataclass(frozen=True)
class Declaration:
    """A queue that a client wants."""

    name: str
    durable: bool
    exclusive: bool


Rule = Callable[[Declaration], tuple[int, str] | None]
"""Returns the reply code and text that a declaration is refused with, None to let it pass."""


def without_transient_queues(declaration: Declaration) -> tuple[int, str] | None:
    """Refuse what RabbitMQ 4.3 refuses by default."""
    if declaration.durable or declaration.exclusive:
        return None
    return 541, "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated."


def home_node_is_down(declaration: Declaration) -> tuple[int, str] | None:
    """Refuse what a cluster refuses while the node of a durable queue is away."""
    if not declaration.durable:
        return None
    return 404, f"NOT_FOUND - home node of durable queue '{declaration.name}' is down"


class AMQPGate:
    """Relays a loopback port to RabbitMQ's, and refuses some queues.

    Args:
        target_port: Where RabbitMQ listens.
        rule: What is refused, and how.

    Attributes:
        port: Where clients connect to.
        declared: The queues that RabbitMQ got to see.
        refused: Those that it did not.
    """

    def __init__(self, target_port: int, rule: Rule) -> None:
        self._target_port = target_port
        self._rule = rule
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.declared: list[Declaration] = []
        self.refused: list[Declaration] = []
        self._open: list[socket.socket] = []
        self._start(self._accept)

    def close(self) -> None:
        """Close everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def __enter__(self) -> AMQPGate:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @staticmethod
    def _start(function: Callable[..., None], *args: object) -> None:
        threading.Thread(target=function, args=args, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            broker = socket.create_connection(("127.0.0.1", self._target_port), 5)
            broker.settimeout(None)
            self._open += [client, broker]
            # Which channels we have closed: the other side's consent is for us.
            closed: dict[socket.socket, set[int]] = {client: set(), broker: set()}
            self._start(self._relay, client, broker, closed)
            self._start(self._relay, broker, client, closed)

    def _relay(
        self, source: socket.socket, target: socket.socket, closed: dict[socket.socket, set[int]]
    ) -> None:
        from_client = self._open.index(source) % 2 == 0
        try:
            with source.makefile("rb") as stream:
                if from_client:
                    target.sendall(stream.read(len(_HEADER)))
                while head := stream.read(7):
                    kind, channel, size = struct.unpack(">BHI", head)
                    payload = stream.read(size + 1)[:-1]
                    method = struct.unpack(">HH", payload[:4]) if kind == _METHOD else None
                    if method == _CHANNEL_CLOSE_OK and channel in closed[source]:
                        closed[source].discard(channel)
                    elif method == _QUEUE_DECLARE and self._refuses(payload, channel, source):
                        closed[source].add(channel)
                        closed[target].add(channel)
                        target.sendall(_close(channel, _CHANNEL_CLOSE, 200, "refused before you"))
                    else:
                        target.sendall(head + payload + _END)
        except OSError:
            pass  # either side has gone
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _refuses(self, payload: bytes, channel: int, client: socket.socket) -> bool:
        length = payload[6]
        flags = payload[7 + length]
        name = payload[7 : 7 + length].decode()
        declaration = Declaration(name, durable=bool(flags & 2), exclusive=bool(flags & 4))
        refusal = self._rule(declaration)
        if refusal is None:
            self.declared.append(declaration)
            return False
        self.refused.append(declaration)
        if refusal[0] < 500:
            client.sendall(_close(channel, _CHANNEL_CLOSE, *refusal))
        else:
            client.sendall(_close(0, _CONNECTION_CLOSE, *refusal))
        return True


def _close(channel: int, method: tuple[int, int], code: int, text: str) -> bytes:
    """Return the frame that closes a channel or a connection."""
    said = text.encode()
    payload = struct.pack(">HHHB", *method, code, len(said)) + said
    payload += struct.pack(">HH", *_QUEUE_DECLARE)
    return struct.pack(">BHI", _METHOD, channel, len(payload)) + payload + _END
