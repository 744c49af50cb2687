"""A TCP relay before a broker: connections can be cut, or go silent, without touching it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading

_CHUNK = 65536


class Link:
    """Relays a loopback port to another one.

    Args:
        target_port: Where the broker listens.

    Attributes:
        port: Where clients connect to.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        """Where new connections go."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._peers: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._silent = False
        self._refuse = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"link-{self.port}", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset every connection; new ones are relayed."""
        with self._lock:
            for connection in list(self._peers):
                self._drop(connection)

    def silence(self) -> None:
        """Relay nothing any more; connections stay open and new ones are accepted."""
        self._silent = True

    def refuse(self) -> None:
        """Reset every connection and every new one."""
        self._refuse = True
        self.cut()

    def restore(self) -> None:
        """End `silence` and `refuse`: what was held back is relayed."""
        self._silent = False
        self._refuse = False

    @property
    def connections(self) -> int:
        """How many connections are relayed now."""
        return len(self._peers) // 2

    def close(self) -> None:
        """Cut everything and stop listening."""
        self._closed = True
        self._thread.join()
        self.cut()
        self._selector.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._closed:
            # While silent nothing is read, and a readable socket would be reported again at once.
            events = [] if self._silent else self._selector.select(0.05)
            if self._silent:
                threading.Event().wait(0.05)
            with self._lock:
                for key, _ in events:
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    if source is self._listener:
                        self._accept()
                    elif source in self._peers:
                        self._relay(source)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            broker = (
                None
                if self._refuse
                else socket.create_connection(("127.0.0.1", self.target_port), 5)
            )
        except OSError:
            broker = None
        if broker is None:
            _reset(client)
            return
        self._peers[client], self._peers[broker] = broker, client
        for connection in (client, broker):
            connection.settimeout(5)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ)

    def _relay(self, source: socket.socket) -> None:
        try:
            data = source.recv(_CHUNK)
            if data:
                self._peers[source].sendall(data)
                return
        except OSError:
            pass  # reset by either side: both ends go
        self._drop(source)

    def _drop(self, connection: socket.socket) -> None:
        peer = self._peers.pop(connection, None)
        if peer is None:
            return
        self._peers.pop(peer, None)
        for each in (connection, peer):
            with contextlib.suppress(KeyError):
                self._selector.unregister(each)
            _reset(each)


def _reset(connection: socket.socket) -> None:
    """Close with a reset instead of an orderly end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
