"""Proxies that the clients' tests go through: HTTP (forwarding and tunnels) and SOCKS 5."""

from __future__ import annotations

import socket
import struct
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit


class Proxy:
    """A proxy in threads that wants a name and a password, and notes what it was asked for.

    Args:
        handle: Serves one connection: the proxy's end of it.
    """

    user, password = "user", "p@ss:w/rd"

    def __init__(self, handle: Callable[[Proxy, socket.socket], None]) -> None:
        self.asked: list[str] = []
        self._handle = handle
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError):
            self._handle(self, connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def join(self, client: socket.socket, host: str, port: int, first: bytes = b"") -> None:
        """Carry bytes both ways between a client and a server, until one of them ends."""
        server = socket.create_connection((host, port), 10)
        server.settimeout(None)
        self._open.append(server)
        server.sendall(first)
        threading.Thread(target=carry, args=(server, client), daemon=True).start()
        carry(client, server)


def carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve_http(proxy: Proxy, client: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(4096)
        if not more:
            return
        head += more
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    wanted = b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
    if f"proxy-authorization: basic {wanted}".lower() not in head.decode("latin-1").lower():
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        return
    proxy.asked.append(f"{method} {target.partition('?')[0]}")
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        proxy.join(client, host, int(port))
        return
    parts = urlsplit(target)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    first = head.replace(target.encode(), path.encode(), 1)
    proxy.join(client, str(parts.hostname), parts.port or 80, first)


def serve_socks(proxy: Proxy, client: socket.socket) -> None:
    _, count = exactly(client, 2)
    assert 2 in exactly(client, count)
    client.sendall(b"\x05\x02")
    exactly(client, 1)
    user = exactly(client, exactly(client, 1)[0]).decode()
    password = exactly(client, exactly(client, 1)[0]).decode()
    good = (user, password) == (proxy.user, proxy.password)
    client.sendall(b"\x01\x00" if good else b"\x01\x01")
    if not good:
        return
    *_, kind = exactly(client, 4)
    if kind == 3:
        host = exactly(client, exactly(client, 1)[0]).decode()
    else:
        host = socket.inet_ntop(
            socket.AF_INET if kind == 1 else socket.AF_INET6,
            exactly(client, 4 if kind == 1 else 16),
        )
    (port,) = struct.unpack("!H", exactly(client, 2))
    proxy.asked.append(f"SOCKS {host if kind == 3 else 'address'}")
    client.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")
    proxy.join(client, host, port)
