"""A live server over raw sockets: mutated frames and requests hurt nobody but who sends them.

`make fuzz SECONDS=300` divides the time among the servers. The seed is printed, and another one
each time; `SOCKETIO_FUZZ_SEED=7 make fuzz` repeats one.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rig.process import Program

SOAK = Path(__file__).parents[1] / "soak"
FRAMEWORKS = Path(__file__).parents[1] / "frameworks"
SECONDS = float(os.environ.get("SOCKETIO_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("SOCKETIO_FUZZ_SEED", "0")) or random.randrange(2**32)
PATIENCE = 20.0
SETTLED = 30.0
SCRIPTS = Path(sys.executable).parent
LAUNCH = (sys.executable, str(FRAMEWORKS / "launch.py"))

COMMANDS = {
    "aiohttp": (sys.executable, str(SOAK / "server.py")),
    "uvicorn": (
        *(*LAUNCH, str(SCRIPTS / "uvicorn"), "--port", "{port}", "--log-level", "warning"),
        *("--app-dir", str(SOAK), "asgi:app"),
    ),
    "gthread": (
        *(*LAUNCH, str(SCRIPTS / "gunicorn"), "-b", "127.0.0.1:{port}", "--log-level", "warning"),
        *("-w", "1", "--threads", "100", "--chdir", str(SOAK), "server:app"),
    ),
}

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(SECONDS * 2 + 240)]


@pytest.fixture(params=COMMANDS)
def fuzzed(request: pytest.FixtureRequest) -> Iterator[Program]:
    program = Program(COMMANDS[request.param])
    program.start()
    yield program
    program.stop()


class Fuzzer:
    """Sends a server what it expects, changed a little."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.random = random.Random(seed)

    # -- what is nearly right --------------------------------------------------------------------

    def packet(self) -> str:
        """Return a Socket.IO packet in an Engine.IO message."""
        return self.random.choice(
            [
                "40",
                "40/b,",
                '40{"token":1}',
                '42["work",1,"x"]',
                '42/b,7["work",1,{"a":[1,2,{}]}]',
                '42["room","a"]',
                '43[1,"x"]',
                '4399[{"a":1}]',
                "41",
                "41/b,",
                '451-["work",1,{"_placeholder":true,"num":0}]',
                '4610-7["x"]',
                '42["connect",{}]',
                "44{}",
                "3",
                "2",
                "1",
                "6",
                "bAAAA",
                "",
                "42" + "[" * self.random.choice((10, 1000)),
                '42["work",' + "9" * self.random.choice((20, 2000)) + "]",
                '42["' + "\\ud83d" * self.random.randint(1, 9) + '"]',
            ]
        )

    def changed(self, data: bytes) -> bytes:
        """Return a message after some edits."""
        changed = bytearray(data)
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 5))):
            where = self.random.randint(0, len(changed))
            edit = self.random.randrange(5)
            if edit == 0 and where < len(changed):
                changed[where] ^= 1 << self.random.randrange(8)
            elif edit == 1:
                changed[where:where] = self.random.randbytes(self.random.randint(1, 5))
            elif edit == 2:
                del changed[where : where + self.random.randint(1, 8)]
            elif edit == 3:
                changed[where:where] = changed[where : where + 8] * self.random.choice((1, 3, 200))
            else:
                del changed[where:]
        return bytes(changed)

    def frame(self) -> bytes:
        """Return a client's frame."""
        payload = self.changed(self.packet().encode())
        first = self.random.choice([0x81] * 8 + [0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xC1])
        size = len(payload)
        if not self.random.randrange(30):
            size = self.random.choice((125, 126, 65535, 65536, 10**6, 10**7, 2**63, 2**64 - 1))
        short = size if size < 126 else 126 if size < 2**16 else 127
        wide = size.to_bytes(2 if short == 126 else 8) if short > 125 else b""
        mask = self.random.randbytes(4)
        body = bytes(each ^ mask[index % 4] for index, each in enumerate(payload))
        unmasked = not self.random.randrange(40)
        head = bytes((first, short | (0 if unmasked else 0x80))) + wide
        return head + (b"" if unmasked else mask) + body

    def request(self, sid: str = "") -> bytes:
        """Return an HTTP request."""
        choose = self.random.choice
        method = choose(("GET", "POST", "POST", "PUT", "OPTIONS", "HEAD"))
        query = choose(("EIO=4", "EIO=3", "EIO=4&j=0", "EIO=4&j=x", "EIO=4&b64=1", ""))
        transport = choose(("polling", "polling", "websocket", "x"))
        body = b"\x1e".join(self.packet().encode() for _ in range(self.random.randint(0, 4)))
        lines = [
            f"{method} /socket.io/?{query}&transport={transport}&sid={sid} HTTP/1.1",
            "Host: x",
            f"Origin: {choose(('http://x', 'http://evil', 'null', ''))}",
            choose(("Connection: close", "Connection: keep-alive", "Connection: Upgrade")),
            choose(("X: y", "Upgrade: websocket", "Accept-Encoding: gzip", "Cookie: a=\xe9; =")),
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {choose(('AAAAAAAAAAAAAAAAAAAAAA==', 'A', '*', ''))}",
        ]
        if body and self.random.randrange(4):
            lines.append(f"Content-Length: {choose((len(body), len(body), 10**6, '+1', '-1', ''))}")
        elif body:
            lines.append("Transfer-Encoding: chunked")
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        head = "\r\n".join((*lines, "", "")).encode("latin-1")
        return self.changed(head) + body if not self.random.randrange(3) else head + body

    # -- lives --------------------------------------------------------------------------

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.settimeout(PATIENCE)
        return connection

    def open_session(self) -> str:
        with self.connect() as connection:
            query = "EIO=4&transport=polling"
            connection.sendall(
                f"GET /socket.io/?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            )
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received.split(b'"sid":"')[1].split(b'"')[0].decode()

    def requests(self) -> None:
        """Send requests of a session, one behind the other and without waiting for the answers."""
        sid = self.open_session() if self.random.randrange(3) else "x"
        for _ in range(self.random.randint(1, 4)):
            with self.connect() as connection:
                for _ in range(self.random.choice((1, 1, 1, 3))):
                    self.send(connection, self.request(sid))
                self.listen(connection, 0.02)

    def websocket(self) -> None:
        """Open a websocket, perhaps as an upgrade, and send frames."""
        sid = f"&sid={self.open_session()}" if not self.random.randrange(3) else ""
        with self.connect() as connection:
            query = f"EIO=4&transport=websocket{sid}"
            head = (
                f"GET /socket.io/?{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            ).encode()
            early = self.random.randrange(2)
            stream = b"".join(self.frame() for _ in range(self.random.randint(0, 12)))
            connection.sendall(head + (stream if early else b""))
            if not early:
                self.listen(connection, PATIENCE, b"\r\n\r\n")
                if sid:
                    self.send(connection, b"\x81\x86\0\0\0\x002probe\x81\x81\0\0\0\x005")
                step = self.random.choice((1, 7, 10**6))
                for start in range(0, min(len(stream), 300 * step), step):
                    if not self.send(connection, stream[start : start + step]):
                        return
            self.listen(connection, 0.02)

    @staticmethod
    def send(connection: socket.socket, data: bytes) -> bool:
        try:
            connection.sendall(data)
        except OSError:
            return False  # the server had enough
        return True

    @staticmethod
    def listen(connection: socket.socket, seconds: float, until: bytes = b"\0never\0") -> None:
        connection.settimeout(seconds)
        received = b""
        with suppress(OSError):
            while until not in received and (chunk := connection.recv(65536)):
                received += chunk


def stats(program: Program) -> dict[str, Any]:
    with urllib.request.urlopen(f"{program.url}/stats", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def ours(program: Program) -> list[str]:
    """Return the tracebacks in the server's log that lead through our code.

    Web servers log one for a request that they refuse.
    """
    text = "".join(program.errors)
    parts = text.split("Traceback (most recent call last)")[1:]
    return [part for part in parts if "/socketio/" in part or "/socketio_web/" in part]


def test_a_live_server(fuzzed: Program) -> None:
    print(f"SOCKETIO_FUZZ_SEED={SEED}")
    fuzzer = Fuzzer(fuzzed.port, SEED)
    stats(fuzzed)
    ends = time.monotonic() + SECONDS / len(COMMANDS)
    lives = 0
    while time.monotonic() < ends or lives < 20:
        fuzzer.random.choice((fuzzer.requests, fuzzer.websocket))()
        lives += 1
        assert fuzzed.running, "".join(fuzzed.errors)
    print(f"{lives} lives")
    fuzzer.open_session()  # it still serves
    deadline = time.monotonic() + SETTLED
    while (found := stats(fuzzed))["sessions"] or found["kept"] or found["clients"]:
        assert time.monotonic() < deadline, f"something is left: {found}"
        time.sleep(0.2)
    print(json.dumps(found))
    assert found["errors"] == 0, found["error"]
    assert not (broken := ours(fuzzed)), broken[0]
    assert found["connected"] == found["disconnected"]
