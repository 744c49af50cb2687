"""Clients that send faster than their handlers work, or than others like, under every server."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from frameworks.servers import SERVERS, Server
from frameworks.test_servers import WebServer, start
from rig.wire import EngineSession, Peer

DEADLINE = 60.0
FLOODER = Path(__file__).parent / "flooder.py"
FLOODS = ("small frames", "an emit for each", "large messages", "posts")
PARTS = 100
PART = "x" * 990_000
SLOW_PARSERS = {"uvicorn --ws wsproto"}
"""Servers that parse all that they have read before anybody else has a turn, which takes a second
for a read of tiny frames: the messages reach us when it is over."""
READ_BEFORE_US = {"waitress"}
"""Servers whose one loop reads whole bodies before we are called: others wait for 0.3 s there."""
WATCHED = 1.0
"""Seconds for which a stranger is watched beside a flood."""
PATIENCE = 0.1
"""Seconds within which a stranger has its answer."""

pytestmark = [pytest.mark.server, pytest.mark.heavy]


def other_loops() -> list[Server]:
    """Return the servers that run in another event loop than they would by themselves."""
    kinds = {server.name: server for server in SERVERS}
    uvicorn = kinds["uvicorn --ws websockets-sansio"]
    plain = (*uvicorn.command[:-1], "--loop", "asyncio", uvicorn.command[-1])
    uvloop = {"TEST_LOOP": "uvloop"}
    return [
        replace(uvicorn, name=f"{uvicorn.name} --loop asyncio", command=plain),
        *(
            replace(kinds[name], name=f"{name} in uvloop", environment=uvloop, modules=("uvloop",))
            for name in ("aiohttp", "Tornado")
        ),
    ]


def cases(*values: str, fit: Callable[[Server, str], bool]) -> pytest.MarkDecorator:
    """Run a test for every server and each of some values that it can be asked for."""
    return pytest.mark.parametrize(
        ("kind", "value"),
        [
            pytest.param(
                server,
                value,
                id=f"{server.name}-{value}",
                marks=pytest.mark.xdist_group(server.name),
            )
            for server in (*SERVERS, *other_loops())
            for value in values
            if fit(server, value)
        ],
        indirect=["kind"],
    )


def can_be_flooded(server: Server, flood: str) -> bool:
    if "websocket" in server.cannot:
        return flood == "posts" and server.name not in READ_BEFORE_US
    return server.name not in SLOW_PARSERS or flood in ("large messages", "posts")


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Server:
    server: Server = request.param
    return server


@pytest.fixture
async def program(kind: Server, need: Any) -> AsyncIterator[WebServer]:
    program = await asyncio.to_thread(start, kind, need)
    yield program
    crashes = program.crashes()
    program.end()
    assert not crashes, crashes


@cases("websocket", "polling", fit=lambda server, transport: transport not in server.cannot)
@pytest.mark.parametrize("variant", ["serial", "cors"], ids=["one by one", "overlapping"])
async def test_an_upload_arrives_as_a_whole(
    kind: Server, program: WebServer, variant: str, value: str
) -> None:
    transport = value
    async with aiohttp.ClientSession() as http, asyncio.timeout(DEADLINE):
        client = await Peer(EngineSession(http, program.url, variant), transport).open()
        await client.connect()
        for _ in range(PARTS):
            await client.emit("work", 0.01, PART)
        while await client.ask("worked") != [PARTS]:
            await asyncio.sleep(0.05)
        await client.engine.close()


@cases(*FLOODS, fit=can_be_flooded)
async def test_a_stranger_is_answered_beside_a_flood(
    kind: Server, program: WebServer, value: str
) -> None:
    transport = "polling" if "websocket" in kind.cannot else "websocket"
    async with aiohttp.ClientSession() as http, asyncio.timeout(DEADLINE):
        command = [sys.executable, str(FLOODER), str(program.port), value]
        flooder = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        try:
            assert flooder.stdout is not None
            assert await flooder.stdout.readline() == b"joined\n"
            stranger = await Peer(EngineSession(http, program.url), transport).open()
            await stranger.connect()
            taken = []
            end = time.monotonic() + WATCHED
            while (began := time.monotonic()) < end:
                assert await stranger.ask("ack plain", 1) == [1]
                taken.append(time.monotonic() - began)
            assert flooder.returncode is None
            await stranger.engine.close()
        finally:
            flooder.kill()
            await flooder.wait()
    # The machine may stand still for a moment; a server that starves somebody does for seconds.
    assert statistics.quantiles(taken, n=20)[-1] < PATIENCE, sorted(taken)
