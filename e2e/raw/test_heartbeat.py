"""Pings, timeouts, and sessions that never join."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from rig.process import Program
from rig.wire import DEADLINE, ClosedError, EngineSession, Peer

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])
INTERVAL = 0.4


async def next_packet(client: Peer) -> Any:
    if client.engine.socket is not None:
        return await client.engine.socket.receive()
    [packet] = await client.engine.poll()
    return packet


@TRANSPORTS
async def test_the_server_pings(
    peer: Any, within: Callable[[float, float], None], transport: str
) -> None:
    """Trap 24."""
    client: Peer = await peer(transport, "brief")
    assert await next_packet(client) == "2"
    started = time.monotonic()
    for _ in range(2):
        await client.raw("3")
        assert await next_packet(client) == "2"
    seconds = time.monotonic() - started
    await client.raw("3")
    assert await client.ask("ack plain", 1) == [1]
    assert seconds > 1.9 * INTERVAL
    within(seconds, 2 * INTERVAL + 1)


@TRANSPORTS
async def test_no_pong_is_a_ping_timeout(peer: Any, server: Program, transport: str) -> None:
    """Trap 53, trap 28: the right reason, once."""
    client: Peer = await peer(transport, "fast")
    assert await next_packet(client) == "2"
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "ping timeout"
    await client.gone()
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1


async def test_a_client_that_stops_polling_is_timed_out(peer: Any, server: Program) -> None:
    """Trap 53."""
    client: Peer = await peer("polling", "fast")
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "ping timeout"
    assert (await client.engine.request()).status == 400


@TRANSPORTS
@pytest.mark.parametrize("ping", ["2", "2probe", "2anything"])
async def test_a_ping_of_the_client_is_an_error(
    peer: Any, server: Program, transport: str, ping: str
) -> None:
    """Trap 24, trap 26."""
    client: Peer = await peer(transport)
    if transport == "polling":
        assert (await client.engine.post(ping)).status in {200, 400}
    else:
        await client.raw(ping)
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"


async def test_other_packets_are_no_pong(peer: Any, server: Program) -> None:
    """Trap 24, trap 53: what counts is the pong, not that something came."""
    client: Peer = await peer("websocket", "fast")
    assert await next_packet(client) == "2"
    talk = asyncio.create_task(chatter(client))
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    talk.cancel()
    assert entry["reason"] == "ping timeout"


async def chatter(client: Peer) -> None:
    while True:
        await client.raw('42["number",1]')
        await asyncio.sleep(0.05)


@TRANSPORTS
async def test_pongs_in_advance_are_harmless(peer: Any, transport: str) -> None:
    client: Peer = await peer(transport, "brief")
    await client.raw("3", "3", "3")
    assert await client.ask("ack plain", 1) == [1]


@TRANSPORTS
async def test_a_session_that_never_joins_is_closed(engine: Any, transport: str) -> None:
    """Trap 25: even if it answers every ping."""
    session: EngineSession = engine("brief")
    client = await Peer(session, transport).open()
    pings = asyncio.create_task(answer_pings(client))
    await asyncio.wait({pings}, timeout=DEADLINE)
    assert pings.done(), "it stays"
    await pings


async def answer_pings(client: Peer) -> None:
    """Answer pings until the server closes the session."""
    try:
        while True:
            await client.receive()
    except ClosedError:
        pass  # what the test waits for


@TRANSPORTS
async def test_a_session_that_joined_stays(peer: Any, transport: str) -> None:
    """Trap 25: the time to join is over, the heartbeat goes on."""
    client: Peer = await peer(transport, "brief")
    started = time.monotonic()
    while time.monotonic() - started < 2:
        assert await client.ask("ack plain", 1) == [1]
        await asyncio.sleep(0.1)
