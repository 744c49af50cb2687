"""The settings that `docs/how-to/secure-a-server.md` names do what it says of them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from frameworks.servers import PYTHONPATH, launched
from rig.process import Program
from rig.wire import RawConnection

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

from brokers.process import free_port

pytestmark = [pytest.mark.server, pytest.mark.heavy]

OFFERING = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
POLL = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"
INFLATED = 100_000_000
SPARE = 30_000_000
"""Bytes by which a server may grow while it refuses something."""

Start = Callable[..., Program]


@pytest.fixture
def uvicorn() -> Iterator[Start]:
    programs: list[Program] = []

    def start(*options: str) -> Program:
        command = ("uvicorn", "--port", "{port}", "--log-level", "critical", *options)
        program = Program(launched(*command, "asgi_main:app"), {"PYTHONPATH": PYTHONPATH})
        program.start()
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.stop()


@pytest.fixture
def nginx(need: Any, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    binary = need("nginx", found, "apt-get install nginx-light")
    processes: list[subprocess.Popen[bytes]] = []

    def start(upstream: str) -> str:
        port = free_port()
        paths = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {tmp_path};" for kind in paths)
        user = "user root;" if os.getuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; {user} pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary}\n"
            "limit_conn_zone $binary_remote_addr zone=each:1m;\n"
            f"server {{ listen 127.0.0.1:{port}; client_header_timeout 1s; location / {{\n"
            f"limit_conn each 5; proxy_pass {upstream}; proxy_http_version 1.1;\n"
            "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n"
            'proxy_set_header Sec-WebSocket-Extensions ""; } } }\n'
        )
        processes.append(subprocess.Popen([binary, "-c", str(tmp_path / "nginx.conf")]))
        return f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


async def connect(url: str) -> RawConnection:
    async with asyncio.timeout(20):
        while True:
            try:
                return await RawConnection.open(url)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


def peak(program: Program) -> int:
    """Return the largest size in memory that a server has had, in bytes."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) * 1024


def bomb() -> bytes:
    """Return a websocket message of some KB that is a hundred megabytes when it is inflated."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [deflate.compress(b"4")]
    parts += [deflate.compress(bytes(1_000_000)) for _ in range(INFLATED // 1_000_000)]
    body = b"".join((*parts, deflate.flush(zlib.Z_SYNC_FLUSH)))[:-4]
    return b"\xc1\xff" + len(body).to_bytes(8) + b"\0\0\0\0" + body


async def send_headers(connection: RawConnection) -> None:
    """Send 60 MB of headers."""
    for _ in range(1000):
        await connection.send(b"X: " + b"y" * 60_000 + b"\r\n")


@pytest.mark.parametrize("implementation", ["websockets", "websockets-sansio", "wsproto"])
async def test_compression_can_be_switched_off(uvicorn: Start, implementation: str) -> None:
    program = uvicorn("--ws", implementation, "--ws-per-message-deflate", "false")
    connection = await connect(program.url)
    await connection.send(OFFERING)
    status, headers = await connection.head()
    await connection.close()
    assert status == 101 and "sec-websocket-extensions" not in headers


@pytest.mark.parametrize("implementation", ["websockets", "websockets-sansio"])
async def test_a_bomb_is_not_inflated_beyond_the_limit(uvicorn: Start, implementation: str) -> None:
    program = uvicorn("--ws", implementation, "--ws-max-size", "1000000")
    connection = await connect(program.url)
    await connection.send(OFFERING)
    _, headers = await connection.head()
    assert "permessage-deflate" in headers["sec-websocket-extensions"]
    before = peak(program)
    await connection.send(bomb())
    assert b"\x03\xf1" in await connection.rest()  # 1009: too big
    await connection.close()
    assert peak(program) < before + SPARE


async def test_headers_are_bounded(uvicorn: Start) -> None:
    program = uvicorn("--http", "h11")
    connection = await connect(program.url)
    before = peak(program)
    await connection.send(POLL)
    with pytest.raises(ConnectionError):
        await send_headers(connection)
    await connection.close()
    assert peak(program) < before + SPARE


async def test_connections_are_bounded(uvicorn: Start) -> None:
    program = uvicorn("--limit-concurrency", "5")
    crowd = [await connect(program.url) for _ in range(6)]
    other = await connect(program.url)
    await other.send(f"{POLL}\r\n")
    assert (await other.head())[0] == 503
    for connection in (*crowd, other):
        await connection.close()


async def test_a_proxy_keeps_compression_and_crowds_away(
    uvicorn: Start, nginx: Callable[[str], str]
) -> None:
    url = nginx(uvicorn().url)
    crowd = []
    for number in range(8):
        connection = await connect(url)
        await connection.send(OFFERING)
        status, headers = await connection.head()
        assert status == (101 if number < 5 else 503)
        assert "sec-websocket-extensions" not in headers
        crowd.append(connection)
    silent = await connect(url)
    await silent.send("GET / HTTP/1.1\r\nHost: x\r\n")
    await silent.rest(10)  # half a request has its time
    for connection in (*crowd, silent):
        await connection.close()
