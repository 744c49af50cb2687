"""Engine.IO servers that read and write when a test tells them to, and not before."""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import re
import select
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .conftest import DEADLINE


def handshake(seconds: float) -> str:
    """Return a handshake packet whose interval and timeout are so many seconds."""
    milliseconds = int(seconds * 1000)
    return "0" + json.dumps(
        {"sid": "x", "upgrades": [], "pingInterval": milliseconds, "pingTimeout": milliseconds}
    )


class WebsocketServer:
    """A server of one websocket, whose end the test has in its hands.

    Args:
        seconds: Its ping interval and its ping timeout.
    """

    def __init__(self, seconds: float = 30) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._seconds = seconds
        self._buffer = b""
        self._accepted = threading.Event()
        self._sending = threading.Lock()
        self.sent = 0
        """How many packets the connection has taken."""
        self.connection: Any = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            self.connection, _ = self._listener.accept()
        except OSError:
            return
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.connection.recv(4096)
        found = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
        assert found is not None
        digest = hashlib.sha1(found[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self.send(handshake(self._seconds), '40{"sid":"y"}')
        self.sent = 0
        self._accepted.set()

    def wait_accepted(self) -> None:
        """Wait until a client has come."""
        assert self._accepted.wait(DEADLINE)

    def send(self, *packets: str) -> None:
        """Send packets; that blocks while the client does not read."""
        for packet in packets:
            data = packet.encode()
            if len(data) < 126:
                head = bytes([0x81, len(data)])
            elif len(data) < 65536:
                head = b"\x81\x7e" + struct.pack("!H", len(data))
            else:
                head = b"\x81\x7f" + struct.pack("!Q", len(data))
            with self._sending:
                self.connection.sendall(head + data)
            self.sent += 1

    def send_behind(self, packet: str, count: int) -> threading.Thread:
        """Send a packet many times in a thread, numbered where it has `{}`."""

        def run() -> None:
            with suppress(OSError):
                for number in range(count):
                    self.send(packet.replace("{}", str(number)))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def receive(self) -> str:
        """Return the next packet of the client."""
        first, length = self._take(2)
        length &= 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        mask = self._take(4)
        data = self._take(length)
        if first & 0x0F == 8:
            return "closed"
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        return (int.from_bytes(data, "big") ^ key).to_bytes(length, "big").decode()

    def receive_until(self, packet: str) -> list[str]:
        """Return the packets of the client up to one."""
        received = [self.receive()]
        while received[-1] != packet:
            received.append(self.receive())
        return received

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            # Not by the socket's timeout, which is also that of the thread that sends.
            if not select.select([self.connection], [], [], DEADLINE)[0]:
                raise TimeoutError(f"nothing came within {DEADLINE} s")
            more = self.connection.recv(1 << 20)
            if not more:
                raise EOFError
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def reset(self) -> None:
        """End the connection at once."""
        with suppress(OSError):  # it has ended before
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def close(self) -> None:
        """End everything."""
        if self.connection is not None:
            self.reset()
        self._listener.close()


class PollingServer:
    """A server of one polling session.

    Args:
        seconds: Its ping interval and its ping timeout.
    """

    def __init__(self, seconds: float = 30) -> None:
        self.taking = threading.Event()
        """POSTs are answered while this is set."""
        self.taking.set()
        self.received: list[str] = []
        self.polls = 0
        """How many polls have been answered."""
        self.payloads: queue.Queue[str] = queue.Queue()
        """What polls are answered with; an empty one is an error."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if "sid" not in parse_qs(urlsplit(self.path).query):
                    self.answer(handshake(seconds))
                    return
                payload = server.payloads.get()
                if not payload:
                    self.send_error(500)
                    return
                self.answer(payload)
                server.polls += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                server.received += body.split("\x1e")
                if body.startswith("40"):
                    server.payloads.put('40{"sid":"y"}')
                server.taking.wait(DEADLINE * 2)
                if body.endswith("1"):
                    server.payloads.put("6")
                self.answer("ok")

            def answer(self, text: str) -> None:
                data = text.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """End everything."""
        self.taking.set()
        for _ in range(3):
            self.payloads.put("6")
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
