"""A handler that sends faster than any client reads, under every server: everything arrives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from frameworks.servers import Server
from frameworks.test_servers import WebServer, start
from frameworks.test_slow_clients import connect_slow, held_by_server, masked, servers
from rig.wire import EngineSession, Peer

TOTAL, SIZE = 1100, 64_000
"""More than `max_outbox_size` (64 MB) together."""

DEADLINE = 120.0

GROWTH = 40_000_000
"""Bytes of memory that sending so much may take: the outbox holds 1 MiB of it."""

OUT_OF_REACH = {"granian", "uWSGI"}

pytestmark = [pytest.mark.server, pytest.mark.heavy]


@pytest.fixture
async def program(kind: Server, need: Any) -> AsyncIterator[WebServer]:
    program = await asyncio.to_thread(start, kind, need)
    yield program
    crashes = program.crashes()
    program.end()
    assert not crashes, crashes


def processes(program: WebServer) -> list[Path]:
    """Return the folders of a server's processes in /proc."""
    group = os.getpgid(program.process.pid)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                found.append(folder)
        except ProcessLookupError:
            continue  # it has ended meanwhile
    return found


def memory(program: WebServer, field: str) -> int:
    """Return the memory of the largest process of a server, in bytes.

    Args:
        program: The server.
        field: `VmRSS` for now, `VmHWM` for the most there was since `forget_peak`.
    """
    sizes = []
    for folder in processes(program):
        lines = (folder / "status").read_text().splitlines()
        sizes += [int(line.split()[1]) * 1024 for line in lines if line.startswith(field)]
    return max(sizes)


def forget_peak(program: WebServer) -> None:
    """Let the most memory there was be what there is."""
    for folder in processes(program):
        (folder / "clear_refs").write_text("5")


async def take(client: Peer) -> None:
    """Take all parts of the bulk, in order."""
    async with asyncio.timeout(DEADLINE):
        for number in range(TOTAL):
            name, *arguments = await client.event(DEADLINE)
            assert (name, arguments[0], len(arguments[1])) == ("bulk", number, SIZE)


async def bulk(program: WebServer, transport: str, event: str) -> None:
    async with aiohttp.ClientSession() as http:
        client = await Peer(EngineSession(http, program.url), transport).open()
        await client.connect()
        assert await client.ask("ack plain", 1) == [1]
        forget_peak(program)
        before = memory(program, "VmRSS")
        await client.emit(event, TOTAL, SIZE)
        await take(client)
        if event == "bulk behind":
            assert await client.event() == ["flushed"]
        assert await client.ask("ack plain", 1) == [1]
        assert memory(program, "VmHWM") - before < GROWTH
        await client.engine.close()


@servers("websocket")
@pytest.mark.parametrize("event", ["bulk", "bulk behind"])
async def test_everything_arrives_on_a_websocket(
    kind: Server, program: WebServer, event: str
) -> None:
    await bulk(program, "websocket", event)


@servers()
@pytest.mark.parametrize("event", ["bulk", "bulk behind"])
async def test_everything_arrives_by_polling(kind: Server, program: WebServer, event: str) -> None:
    await bulk(program, "polling", event)


@servers("websocket")
async def test_a_client_that_stops_reading_is_cut_and_freed(
    kind: Server, program: WebServer
) -> None:
    """`narrow` has a `stall_timeout` of a second."""
    client = await connect_slow(program.port)
    port = client.getsockname()[1]
    sid = (await program.seen(event="connect", server="narrow"))["sid"]
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, masked(f'42["bulk",{TOTAL},{SIZE}]'))
    entry = await program.seen(DEADLINE, event="disconnect", sid=sid)
    assert entry["reason"] == "transport error"
    if kind.name not in OUT_OF_REACH:
        async with asyncio.timeout(DEADLINE):
            while held_by_server(program.port, port):
                await asyncio.sleep(0.02)
    client.close()
