"""A real nginx in front of two workers, with the configuration that the documentation shows."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from brokers.process import free_port
from frameworks.servers import PYTHONPATH, launched
from rig.node import NodeClient
from rig.process import Program
from rig.wire import EngineSession, Peer

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "deploy" / "nginx.md"
DEADLINE = 10.0

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("nginx")]


class Nginx:
    """nginx with two workers behind it."""

    def __init__(self, folder: Path, program: str, workers: list[Program]) -> None:
        self.workers = workers
        self.sticky = f"http://127.0.0.1:{free_port()}"
        self.round_robin = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        self._program = program

    def start(self) -> None:
        """Write the configuration, start nginx, and wait until it listens."""
        (self._folder / "logs").mkdir()
        (self._folder / "logs" / "error").touch()
        (self._folder / "nginx.conf").write_text(self._configuration())
        command = [self._program, "-p", str(self._folder), "-c", "nginx.conf", "-e", "logs/error"]
        self._process = subprocess.Popen(command)
        end = time.monotonic() + DEADLINE
        while True:
            try:
                port = int(self.sticky.rpartition(":")[2])
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                log = (self._folder / "logs" / "error").read_text()
                assert self._process.poll() is None, log
                assert time.monotonic() < end, log
                time.sleep(0.02)

    def stop(self) -> None:
        """End nginx."""
        self._process.terminate()
        self._process.wait(DEADLINE)

    def _configuration(self) -> str:
        """Return the page's configuration with our ports, once sticky and once not."""
        whole, stripped, kept = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
        for number, worker in zip(("5001", "5002"), self.workers, strict=True):
            whole = whole.replace(f"127.0.0.1:{number}", f"127.0.0.1:{worker.port}")
        head, _, server = whole.partition("server {")
        blocks = [head]
        for url, upstream in ((self.sticky, "socketio_workers"), (self.round_robin, "in_turn")):
            block = "server {" + server.rstrip().removesuffix("}") + stripped + kept + "}\n"
            block = block.replace("listen 80", f"listen {url.removeprefix('http://')}")
            blocks.append(block.replace("socketio_workers", upstream))
        servers = "".join(f"server 127.0.0.1:{worker.port};" for worker in self.workers)
        temporary = "".join(
            f"{kind}_temp_path logs/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            "daemon off; master_process off; pid logs/pid;\n"
            "events { worker_connections 100; }\n"
            f"http {{ access_log off; {temporary}\n"
            f"upstream in_turn {{ {servers} }}\n" + "".join(blocks) + "}\n"
        )


@pytest.fixture(scope="module")
def nginx(need: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    path = "/usr/sbin:/sbin:/usr/local/sbin"
    program = shutil.which("nginx") or shutil.which("nginx", path=path)
    need("nginx", program, "apt-get install nginx")
    assert program is not None
    command = launched(
        *("uvicorn", "--port", "{port}", "--log-level", "warning"),
        *("--root-path", "/site", "asgi_main:app"),
    )
    workers = [Program(command, {"PYTHONPATH": PYTHONPATH}).start() for _ in range(2)]
    running = Nginx(tmp_path_factory.mktemp("nginx"), program, workers)
    running.start()
    yield running
    running.stop()
    for worker in workers:
        assert not worker.crashes(), worker.crashes()
        worker.kill()


@pytest.fixture
async def from_address() -> Any:
    """Return a function that opens connections from an address of this machine."""
    sessions: list[aiohttp.ClientSession] = []

    def open_from(address: str) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))
        sessions.append(session)
        return session

    yield open_from
    for session in sessions:
        await session.close()


FromAddress = Callable[[str], aiohttp.ClientSession]


@pytest.mark.parametrize(
    "transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="-".join
)
def test_the_javascript_client(node: NodeClient, nginx: Nginx, transports: list[str]) -> None:
    facts = node.run("connect", nginx.sticky, transports=transports)
    assert (facts["first"], facts["last"]) == (transports[0], transports[-1])
    messages = [["text", "Grüße, 🚀"], [b"\x00\xff"], ["x" * 50_000]]
    facts = node.run("echo", nginx.sticky, transports=transports, messages=messages, settle=True)
    assert facts["answers"] == messages


async def test_every_client_keeps_to_its_worker(nginx: Nginx, from_address: FromAddress) -> None:
    used: set[str] = set()
    for network in range(1, 9):
        http = from_address(f"127.0.{network}.1")
        client = await Peer(EngineSession(http, nginx.sticky), "polling").open()
        sid = await client.connect(auth={"tag": f"network {network}"})
        for number in range(5):
            assert await client.ask("ack", number) == [number]
        [worker] = [
            worker for worker in nginx.workers if worker.journal.all(event="connect", sid=sid)
        ]
        used.add(worker.url)
    assert used == {worker.url for worker in nginx.workers}


async def test_the_client_address_and_the_origin(nginx: Nginx, from_address: FromAddress) -> None:
    """Trap 42."""
    http = from_address("127.0.5.1")
    client = await Peer(EngineSession(http, nginx.sticky), "websocket").open()
    await client.connect()
    [facts] = await client.ask("whoami")
    assert facts["address"] == "127.0.5.1"
    session = EngineSession(http, nginx.sticky)
    own = await session.request(headers={"Origin": nginx.sticky})
    assert own.status == 200
    foreign = await session.request(headers={"Origin": "http://foreign.example"})
    assert foreign.error["code"] == 4
    assert foreign.error["message"] == "http://foreign.example is not an accepted origin."


PREFIXES = {"taken away": "app", "kept": "site"}


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_below_a_prefix(nginx: Nginx, from_address: FromAddress, prefix: str) -> None:
    """Trap 41."""
    path = f"{PREFIXES[prefix]}/socket.io"
    session = EngineSession(from_address("127.0.0.1"), nginx.sticky, path)
    client = await Peer(session, "polling").open()
    await client.connect()
    await session.upgrade()
    assert await client.ask("ack", "upgraded") == ["upgraded"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_javascript_client_below_a_prefix(node: NodeClient, nginx: Nginx, prefix: str) -> None:
    path = f"{PREFIXES[prefix]}/socket.io"
    transports = ["polling", "websocket"]
    facts = node.run("connect", nginx.sticky, transports=transports, variant=path)
    assert (facts["first"], facts["last"]) == ("polling", "websocket")


async def test_the_wrong_worker_says_what_is_wrong(nginx: Nginx, from_address: FromAddress) -> None:
    """Without stickiness every second request reaches the wrong one."""
    session = EngineSession(from_address("127.0.0.1"), nginx.round_robin)
    await session.open_polling()
    async with asyncio.timeout(DEADLINE):
        while True:
            answer = await session.post("3")
            if answer.status != 200:
                break
    assert answer.status == 400
    assert answer.error["code"] == 1
    assert "several processes need sticky sessions" in answer.error["message"]


async def test_websockets_need_no_stickiness(nginx: Nginx, from_address: FromAddress) -> None:
    for _ in range(4):
        session = EngineSession(from_address("127.0.0.1"), nginx.round_robin)
        client = await Peer(session, "websocket").open()
        await client.connect()
        for number in range(5):
            assert await client.ask("ack", number) == [number]
