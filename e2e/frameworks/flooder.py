"""A client that sends as fast as the server reads, in a process of its own.

Usage: flooder.py PORT KIND, with KIND one of those in `MESSAGES` or `posts`. It prints a line when
it has joined, and then floods until it is ended. What the server answers is read and thrown away.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading

MESSAGES = {
    "small frames": ['42["x"]'] * 10_000,
    "an emit for each": ['42["shout"]'] * 10_000,
    "large messages": [f'42["x","{"x" * 990_000}"]'],
}
"""What is sent again and again, by name."""

HANDSHAKE = (
    b"GET /serial/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def masked(message: str) -> bytes:
    """Return a client's frame, with a mask of zeros."""
    payload = message.encode()
    length = len(payload)
    if length < 126:
        head = bytes((0x81, 0x80 | length))
    elif length < 65536:
        head = bytes((0x81, 0xFE)) + length.to_bytes(2)
    else:
        head = bytes((0x81, 0xFF)) + length.to_bytes(8)
    return head + bytes(4) + payload


def flood_websocket(port: int, messages: list[str]) -> None:
    """Send messages over a websocket."""
    connection = socket.create_connection(("127.0.0.1", port))
    for sent, expected in ((HANDSHAKE, b'0{"sid"'), (masked("40"), b'40{"sid"')):
        connection.sendall(sent)
        received = b""
        while expected not in received:
            received += connection.recv(4096)

    def read() -> None:
        while connection.recv(65536):
            pass

    threading.Thread(target=read, daemon=True).start()
    print("joined", flush=True)
    block = b"".join(map(masked, messages))
    while True:
        connection.sendall(block)


def flood_posts(port: int) -> None:
    """Send bodies of a megabyte of tiny packets."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def request(method: str, path: str, body: bytes | None = None) -> str:
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return text

    path = "/serial/?EIO=4&transport=polling"
    path = f"{path}&sid={json.loads(request('GET', path)[1:])['sid']}"
    request("POST", path, b"40")
    request("GET", path)
    print("joined", flush=True)
    body = b"\x1e".join([b'42["x"]'] * 120_000)
    while True:
        request("POST", path, body)


if __name__ == "__main__":
    if sys.argv[2] == "posts":
        flood_posts(int(sys.argv[1]))
    else:
        flood_websocket(int(sys.argv[1]), MESSAGES[sys.argv[2]])
