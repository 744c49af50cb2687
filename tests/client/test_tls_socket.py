"""The TLS socket that two threads share."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme

from socketio.client.tls_socket import SharedTLSSocket, share

DEADLINE = 30


@pytest.fixture
def pair() -> Iterator[tuple[SharedTLSSocket, ssl.SSLSocket]]:
    """A client's socket, shared, and the server's, which waits as usual."""
    authority = trustme.CA()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(ours)
    authority.issue_cert("server.example").configure_cert(theirs)
    client, server = socket.socketpair()
    client.settimeout(DEADLINE)
    server.settimeout(DEADLINE)
    accepted: list[ssl.SSLSocket] = []
    accepting = threading.Thread(
        target=lambda: accepted.append(theirs.wrap_socket(server, server_side=True))
    )
    accepting.start()
    connection = ours.wrap_socket(client, server_hostname="server.example")
    accepting.join(DEADLINE)
    shared = share(connection)
    assert isinstance(shared, SharedTLSSocket)
    yield shared, accepted[0]
    shared.close()
    accepted[0].close()


def test_a_plain_socket_is_left_as_it_is() -> None:
    with socket.socket() as plain:
        assert share(plain) is plain


def test_one_thread_reads_while_another_one_writes(
    pair: tuple[SharedTLSSocket, ssl.SSLSocket],
) -> None:
    client, server = pair
    data = bytes(range(256)) * 8000  # more than the sockets hold, in either direction

    def echo() -> None:
        while received := server.recv(5000):
            server.sendall(received)

    def write() -> None:
        rest = data
        while rest:
            rest = rest[client.send(rest[:7000]) :]

    threads = [threading.Thread(target=echo), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    echoed = bytearray()
    while len(echoed) < len(data):
        echoed += client.recv(3000)
    assert echoed == data
    client.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(DEADLINE)


def test_it_waits_as_long_as_it_is_told(pair: tuple[SharedTLSSocket, ssl.SSLSocket]) -> None:
    client, server = pair
    assert client.gettimeout() == DEADLINE
    client.settimeout(0.05)

    def fill() -> None:
        while True:
            client.send(bytes(100_000))  # nobody reads

    with pytest.raises(TimeoutError):
        client.recv(10)
    with pytest.raises(TimeoutError):
        fill()
    client.settimeout(None)
    server.send(b"late")
    assert client.recv(10) == b"late"


def test_the_end_wakes_who_reads(pair: tuple[SharedTLSSocket, ssl.SSLSocket]) -> None:
    client, _ = pair
    ended = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError):
            client.recv(10)
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    client.shutdown(socket.SHUT_RDWR)
    assert ended.wait(DEADLINE)
    reader.join(DEADLINE)
    assert not client._closed
    client.close()
    assert client._closed


def test_no_two_threads_are_in_the_connection_at_once() -> None:
    inside = threading.Lock()
    entered, left = threading.Event(), threading.Event()

    class Connection:
        """Counts who is in it; the first one stays for a while."""

        def gettimeout(self) -> float:
            return DEADLINE

        def setblocking(self, flag: bool) -> None:
            assert not flag

        def recv(self, size: int) -> bytes:
            with alone():
                entered.set()
                assert not left.wait(0.1)
                return b"data"

        def send(self, data: bytes) -> int:
            with alone():
                return len(data)

    @contextlib.contextmanager
    def alone() -> Iterator[None]:
        assert inside.acquire(False), "two calls at the same time"
        try:
            yield
        finally:
            inside.release()

    shared = SharedTLSSocket(Connection())  # type: ignore[arg-type]  # all that is called
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(shared.recv(10)))
    reader.start()
    assert entered.wait(DEADLINE)
    assert shared.send(b"12345") == 5
    left.set()
    reader.join(DEADLINE)
    assert read == [b"data"]
