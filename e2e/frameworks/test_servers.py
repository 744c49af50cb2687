"""Every server of the manual with the JavaScript client; what comes out becomes the table.

Each test is a cell of `docs/reference/servers.md` and records its outcome as it ends:
`python e2e/frameworks/table.py` turns the records into the page.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from frameworks.servers import PYTHONPATH, SERVERS, Server
from rig.kinds import E2E
from rig.node import NodeClient
from rig.process import Program
from rig.wire import EngineSession, Peer

RECORDS = E2E / "artefacts" / "servers"
MESSAGES = [
    ["text", 1, None, {"key": ["value"]}],
    ["Grüße, 世界, 🚀"],
    [b"\x00\x01\x1e\xff", {"deep": [b"er"]}],
]
STOP_WITHIN = 2.0
"""Seconds from SIGTERM until every client knows, and until the process ends."""

pytestmark = [pytest.mark.server, pytest.mark.heavy]


def servers(column: str) -> Any:
    """Run a test for the servers that can do something."""
    return pytest.mark.parametrize(
        "web_server",
        [
            pytest.param(server, id=server.name, marks=pytest.mark.xdist_group(server.name))
            for server in SERVERS
            if column not in server.cannot
        ],
        indirect=True,
    )


class WebServer(Program):
    """A server program, perhaps with workers."""

    def end(self) -> None:
        """End it with all of its workers, at once."""
        if self.process.poll() is None:
            if os.getpgid(self.process.pid) == self.process.pid:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.kill()


class Running:
    """A server that runs, and what there is to know of it."""

    def __init__(self, kind: Server, program: WebServer) -> None:
        self.kind = kind
        self.program = program
        self.url = program.url
        self.journal = program.journal

    def record(self, column: str, text: str) -> None:
        """Note the outcome of a cell."""
        RECORDS.mkdir(parents=True, exist_ok=True)
        slug = "".join(c if c.isalnum() else "-" for c in f"{self.kind.name} {column}")
        where = [str(self.kind.folder)] if self.kind.folder is not None else sys.path
        [found] = importlib.metadata.distributions(name=self.kind.distribution, path=where)
        version = found.version
        entry = {"server": self.kind.name, "column": column, "text": text, "version": version}
        (RECORDS / f"{slug}.json").write_text(json.dumps(entry))


def start(kind: Server, need: Callable[..., Any]) -> WebServer:
    """Start a server, or skip the test where it is not installed."""
    own = () if kind.folder is not None else (kind.distribution,)
    for module in (*own, *kind.modules):
        try:
            importlib.metadata.version(module)
        except importlib.metadata.PackageNotFoundError:
            need(module, None, f"pip install {module}")
    path = PYTHONPATH
    if kind.folder is not None:
        need(kind.name, kind.folder.is_dir(), kind.install)
        path = f"{kind.folder}:{path}"
    environment = {"PYTHONPATH": path, **kind.environment}
    program = WebServer(kind.command, environment)
    program.start()
    return program


@pytest.fixture(scope="module")
def running(need: Any) -> Iterator[Callable[[Server], WebServer]]:
    programs: dict[str, WebServer] = {}

    def get(kind: Server) -> WebServer:
        if kind.name not in programs:
            for other in programs.values():
                other.end()
            programs.clear()
            programs[kind.name] = start(kind, need)
        return programs[kind.name]

    yield get
    for program in programs.values():
        program.end()


@pytest.fixture
def web_server(request: pytest.FixtureRequest, running: Callable[[Server], WebServer]) -> Running:
    """A server that the tests of this module share."""
    return Running(request.param, running(request.param))


def reasons(node: NodeClient, web_server: Running, transports: list[str]) -> None:
    """Check that both sides tell the same story of every end."""
    facts = node.run("reasons", web_server.url, transports=transports)
    told = {
        name: web_server.journal.wait(event="disconnect", sid=facts[name]["sid"])["reason"]
        for name in ("client", "server", "lastWords", "close", "gone")
    }
    assert told["client"] == "client disconnect"
    assert told["server"] == told["lastWords"] == told["close"] == "server disconnect"
    assert told["gone"] in {"transport close", "client disconnect"}, told
    assert facts["server"]["reason"] == "io server disconnect"


def exchange(node: NodeClient, web_server: Running, transports: list[str]) -> None:
    """Check a client that comes, talks in text and binary, and goes in every way."""
    facts = node.run("connect", web_server.url, transports=transports)
    assert (facts["first"], facts["last"]) == (transports[0], transports[-1])
    assert facts["facts"]["transport"] == transports[-1]
    assert facts["facts"]["address"] == "127.0.0.1"
    assert facts["facts"]["path"] == "/socket.io/"
    facts = node.run(
        "echo",
        web_server.url,
        transports=transports,
        variant="main",
        messages=MESSAGES,
        settle=True,
    )
    assert facts["answers"] == MESSAGES
    reasons(node, web_server, transports)


@servers("polling")
def test_polling(node: NodeClient, web_server: Running) -> None:
    exchange(node, web_server, ["polling"])
    web_server.record("polling", "yes")


@servers("websocket")
def test_websocket(node: NodeClient, web_server: Running) -> None:
    exchange(node, web_server, ["websocket"])
    web_server.record("websocket", "yes")


@servers("upgrade")
def test_upgrade(node: NodeClient, web_server: Running) -> None:
    exchange(node, web_server, ["polling", "websocket"])
    web_server.record("upgrade", "yes")


@servers("websocket")
async def test_environ_is_the_sessions_own(web_server: Running) -> None:
    """A session keeps the request that opened it, whatever its server does with requests."""
    async with AsyncExitStack() as stack:
        peers = []
        for transport in ("polling", "websocket"):
            headers = {"X-Test": transport}
            http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
            peers.append(await Peer(EngineSession(http, web_server.url), transport).open())
            await peers[-1].connect()
        agents = [(await peer.ask("whoami"))[0]["agent"] for peer in peers]
    assert agents == ["polling", "websocket"]


@pytest.mark.parametrize(
    ("transport", "seen"),
    [
        ("polling", ["polling", "polling"]),
        ("websocket", ["websocket", "websocket"]),
        ("upgrade", ["polling", "websocket"]),
    ],
)
@servers("websocket")
async def test_context_variables(web_server: Running, transport: str, seen: list[str]) -> None:
    """Handlers see what a middleware has set for the request that brought their event."""
    async with aiohttp.ClientSession() as http:
        session = EngineSession(http, web_server.url)
        peer = await Peer(session, "polling" if transport == "upgrade" else transport).open()
        await peer.connect()
        if transport == "upgrade":
            await session.upgrade()
        for _ in range(2):
            assert await peer.ask("requests") == [seen]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@servers("websocket")
async def test_messages_of_every_size(web_server: Running, transport: str) -> None:
    """Empty attachments, and an answer of 3 MB, arrive at once under every server."""
    placeholders = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(4))
    sent = [b"", b"x", b"", b"\0"]
    async with aiohttp.ClientSession() as http:
        peer = await Peer(EngineSession(http, web_server.url), transport).open()
        await peer.connect()
        for turn in range(3):
            await peer.send(f'54-{turn}["ack",{placeholders}]', *sent)
            answer = await peer.receive()
            assert isinstance(answer, str)
            assert answer.startswith(f"64-{turn}[")
            assert [await peer.receive() for _ in sent] == sent
        for size in (3_000_000, 1):
            await peer.send(f'2["text",{size}]')
            assert await peer.receive() == f'2["text","{"x" * size}"]'


@servers("polling")
async def test_a_close_beside_a_poll(web_server: Running) -> None:
    """A client that closes posts the packet while its GET is pending: both are answered."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        for pending in (True, False):
            peer = await Peer(EngineSession(http, web_server.url), "polling").open()
            await peer.connect()
            sid = peer.sids["/"]
            # Which of the two a server with several threads sees first is its own affair.
            polls = [asyncio.ensure_future(peer.engine.request())] if pending else []
            await asyncio.sleep(0)
            posted = await peer.engine.post("1")
            assert (posted.status, posted.text) == (200, "ok")
            for poll in polls:
                ended = await poll
                assert ended.status in {200, 400}
                assert ended.status == 400 or ended.text == "6"
            entry = await asyncio.to_thread(web_server.journal.wait, event="disconnect", sid=sid)
            assert entry["reason"] in {"client disconnect", "transport close"}


@servers("websocket")
async def test_subprotocols(web_server: Running) -> None:
    """The first one that the client offers is chosen, whoever answers its handshake."""
    async with aiohttp.ClientSession() as http:
        url = f"{web_server.url}/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(url, protocols=("first", "second")) as socket:
            # gevent-websocket answers before an application is asked.
            answered = "gevent-websocket" in (
                web_server.kind.distribution,
                *web_server.kind.modules,
            )
            assert socket.protocol == (None if answered else "first")
            assert (await socket.receive_str()).startswith("0{")


@servers("compression")
async def test_compression(web_server: Running) -> None:
    """Answers to polls are compressed; whether websocket messages are is up to the web_server."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        session = EngineSession(http, web_server.url)
        await session.open_polling()
        await session.post("40")
        assert (await session.poll())[0].startswith("40")
        await session.post('42["text",5000]')
        async with http.get(
            session.url, params=session.query(), headers={"Accept-Encoding": "gzip"}
        ) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert len(await response.read()) < 1000
        if "websocket" in web_server.kind.cannot:
            web_server.record("compression", "http")
            return
        socket = await http.ws_connect(
            session.url, params={"EIO": "4", "transport": "websocket"}, compress=15
        )
        assert bool(socket.compress) == web_server.kind.deflate
        await socket.close()
    web_server.record("compression", "http, websocket" if web_server.kind.deflate else "http")


async def connect_and_stop(kind: Server, program: WebServer) -> tuple[float, float]:
    """Connect by every transport, end the server by SIGTERM, and check what everybody is told.

    Returns:
        The seconds until the clients were told, and until the server had ended.
    """
    cut = "graceful stop" in kind.cannot
    transports = ["polling"] if "websocket" in kind.cannot else ["polling", "websocket"]
    async with aiohttp.ClientSession() as http:
        clients = []
        for transport in transports:
            client = await Peer(EngineSession(http, program.url), transport).open()
            await client.connect()
            clients.append(client)
        poll = asyncio.create_task(clients[0].engine.request())
        closed = asyncio.create_task(clients[1].engine.gone()) if len(clients) > 1 else None
        await asyncio.sleep(0.05)  # not a wait for anything: the poll is to be there first
        began = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(program.stop, signal.SIGTERM))
        if cut:
            with pytest.raises(aiohttp.ClientError):
                await poll
        else:
            assert (await poll).status == 200
        if closed is not None:
            await closed
        told = time.monotonic() - began
        took = await stopping
    for client in clients:
        entries = program.journal.all(event="disconnect", sid=client.sids["/"])
        [reason] = [entry["reason"] for entry in entries]
        # What is cut may be noticed before the stop is: both come at the same moment.
        assert reason == "server disconnect" or (cut and reason == "transport close")
    assert not program.crashes(), program.crashes()
    return told, took


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(server, id=server.name, marks=pytest.mark.xdist_group(server.name))
        for server in SERVERS
    ],
)
async def test_graceful_stop(
    kind: Server, need: Any, within: Callable[[float, float], None]
) -> None:
    """SIGTERM closes the clients, runs their disconnect handlers and ends the process soon."""
    program = await asyncio.to_thread(start, kind, need)
    try:
        told, took = await connect_and_stop(kind, program)
    finally:
        program.end()
    within(told, STOP_WITHIN)
    within(took, STOP_WITHIN + bool(kind.slow_stop))
    if reason := kind.cannot.get("graceful stop"):
        text = f"no: {reason}"
    else:
        text = f"yes: {kind.slow_stop}" if kind.slow_stop else "yes"
    Running(kind, program).record("graceful stop", text)


CANNOT_WEBSOCKET = [server for server in SERVERS if "websocket" in server.cannot]


@pytest.mark.parametrize(
    "web_server",
    [
        pytest.param(server, id=server.name, marks=pytest.mark.xdist_group(server.name))
        for server in CANNOT_WEBSOCKET
    ],
    indirect=True,
)
async def test_without_websockets(node: NodeClient, web_server: Running) -> None:
    """A server that cannot do websockets says so, and long-polling goes on."""
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await EngineSession(http, web_server.url).websocket()
            assert refused.value.status == 400
    facts = await asyncio.to_thread(
        node.run,
        "echo",
        web_server.url,
        transports=["polling", "websocket"],
        variant="main",
        messages=MESSAGES,
    )
    assert facts["answers"] == MESSAGES
    log = "".join(web_server.program.errors)
    assert log.count("a client asked for a websocket, which mode") == 1
    for column in ("websocket", "upgrade"):
        web_server.record(column, f"no: {web_server.kind.cannot[column]}")


@pytest.mark.xdist_group("uWSGI")
async def test_uwsgi_without_its_option(need: Any) -> None:
    """Where uWSGI's router would keep the frames to itself, the option is named."""
    [kind] = [server for server in SERVERS if server.name == "uWSGI"]
    command = tuple(part for part in kind.command if part != "--http-websockets")
    program = await asyncio.to_thread(start, replace(kind, command=command), need)
    try:
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await EngineSession(http, program.url).websocket()
        assert refused.value.status == 400
        await program.seen(
            event="output",
            text="a client asked for a websocket, which mode gevent_uwsgi cannot serve here; "
            "long-polling goes on; start uWSGI with --http-websockets",
        )
    finally:
        program.end()


def test_every_installed_server_is_of_this_environment() -> None:
    """A server from elsewhere would be measured with another version than the table says."""
    for server in SERVERS:
        own = [part for part in server.command if Path(part).is_relative_to(sys.prefix)]
        assert own, server.name
        assert all(os.access(program, os.R_OK) for program in own), server.name
