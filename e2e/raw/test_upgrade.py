"""The upgrade from polling to a websocket, and everything that can go wrong in it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from rig.process import Program
from rig.wire import ClosedError, Peer

LONGEST_UPGRADE = 8.0
"""Seconds that an upgrade with a timeout of its own may take: less than the default, ten."""


async def test_upgrade(peer: Any) -> None:
    """Trap 22: `3probe`, `6` for the poll, then everything on the websocket."""
    client: Peer = await peer("polling")
    poll = asyncio.create_task(client.engine.poll())
    socket = await client.engine.websocket()
    await socket.send("2probe")
    assert await socket.receive() == "3probe"
    assert await poll == ["6"]
    await socket.send("5")
    await socket.send('42["echo","on the websocket"]')
    assert await socket.receive() == '42["echo","on the websocket"]'
    await socket.send('420["whoami"]')
    answer = await socket.receive()
    assert isinstance(answer, str)
    assert '"transport":"websocket"' in answer
    refused = await client.engine.request()
    assert refused.status == 400, "polling is over"
    await socket.send('42["echo","still there"]')
    assert await socket.receive() == '42["echo","still there"]'
    await socket.close()


async def test_upgrade_without_a_pending_poll(peer: Any) -> None:
    """Trap 22: the `6` never leaks onto the websocket."""
    client: Peer = await peer("polling")
    socket = await client.engine.websocket()
    await socket.send("2probe")
    assert await socket.receive() == "3probe"
    await socket.send("5")
    await socket.send('42["echo",1]')
    assert await socket.receive() == '42["echo",1]'
    await socket.close()


async def test_probe_and_upgrade_back_to_back(peer: Any) -> None:
    """Trap 22: a client that does not wait for the answer to its probe."""
    client: Peer = await peer("polling")
    socket = await client.engine.websocket()
    await socket.send("2probe")
    await socket.send("5")
    await socket.send('42["echo",1]')
    assert await socket.receive() == "3probe"
    assert await socket.receive() == '42["echo",1]'
    assert (await client.engine.request()).status == 400
    await socket.close()


async def test_a_poll_that_is_pending_at_the_upgrade_ends(peer: Any, server: Program) -> None:
    """Trap 22: probe and upgrade in one go, with a poll open."""
    client: Peer = await peer("polling")
    poll = asyncio.create_task(client.engine.request())
    await asyncio.sleep(0.05)  # not a wait for anything: the poll is to be there first
    socket = await client.engine.websocket()
    await socket.send("2probe")
    await socket.send("5")
    assert await socket.receive() == "3probe"
    answer = await poll
    assert answer.status == 200
    assert answer.text == ("1" if server.reference else "6")
    await socket.send('42["echo",1]')
    assert await socket.receive() == '42["echo",1]'
    await socket.close()


async def test_what_waited_goes_out_first(peer: Any) -> None:
    """Trap 22, trap 23: packets queued before the upgrade come before new ones."""
    client: Peer = await peer("polling")
    await client.emit("count", 50)
    socket = await client.engine.websocket()
    await socket.send("2probe")
    assert await socket.receive() == "3probe"
    await socket.send("5")
    await socket.send('42["echo","last"]')
    packets = [await socket.receive() for _ in range(51)]
    assert packets == [f'42["number",{value}]' for value in range(50)] + ['42["echo","last"]']
    await socket.close()


async def test_order_holds_in_every_phase(peer: Any, server: Program) -> None:
    """Trap 23: 1,000 numbers each way, sent in all phases of the upgrade."""
    client: Peer = await peer("polling")
    sent = iter(range(1000))

    def some(count: int) -> list[str]:
        return [f'42["number",{value}]' for _, value in zip(range(count), sent, strict=False)]

    await client.engine.post('42["count",500]', *some(250))
    heard = await client.engine.poll()
    socket = await client.engine.websocket()
    await client.engine.post(*some(250))
    await socket.send("2probe")
    await client.engine.post('42["count",500]', *some(100))
    assert await socket.receive() == "3probe"
    while "6" not in heard:
        heard += await client.engine.poll()
    heard.remove("6")
    await socket.send("5")
    for packet in some(1000):
        await socket.send(packet)
    while len(heard) < 1000:
        packet = await socket.receive()
        assert isinstance(packet, str)
        heard.append(packet)
    assert heard == [f'42["number",{value}]' for value in range(500)] * 2
    await socket.send('420["numbers"]')
    assert await socket.receive() == f"430[{list(range(1000))}]".replace(" ", "")
    await socket.close()


@pytest.mark.parametrize("step", ["at once", "after the probe", "after its answer", "cut"])
async def test_an_upgrade_that_dies_leaves_polling_working(peer: Any, step: str) -> None:
    """Trap 22."""
    client: Peer = await peer("polling")
    socket = await client.engine.websocket()
    if step != "at once":
        await socket.send("2probe")
    if step == "after its answer":
        assert await socket.receive() == "3probe"
    if step == "cut":
        connection = socket.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
    await socket.close()
    for turn in range(3):
        await client.emit("echo", turn)
        assert await client.event() == ["echo", turn]
    second = await client.engine.upgrade()
    await second.send('42["echo","at the second try"]')
    assert await second.receive() == '42["echo","at the second try"]'
    await second.close()


@pytest.mark.parametrize("frame", ["2", "2other", "3probe", "4hello", "abc", "", b"2probe"])
async def test_a_bad_probe_closes_the_websocket_alone(peer: Any, frame: str | bytes) -> None:
    """Trap 22, trap 55."""
    client: Peer = await peer("polling")
    socket = await client.engine.websocket()
    await socket.send(frame)
    await socket.ended()
    await client.emit("echo", 1)
    assert await client.event() == ["echo", 1]


async def test_a_stalled_upgrade_times_out(peer: Any) -> None:
    """Trap 22: the websocket is closed, polling goes on."""
    client: Peer = await peer("polling", "brief")
    socket = await client.engine.websocket()
    await socket.send("2probe")
    assert await socket.receive() == "3probe"
    ended = asyncio.create_task(socket.ended(LONGEST_UPGRADE))
    for turn in range(3):
        await client.emit("echo", turn)
        assert await client.event() == ["echo", turn]
    while not ended.done():
        assert await client.ask("ack plain", 1) == [1]
        await asyncio.wait({ended}, timeout=0.1)
    await ended
    await client.emit("echo", "after")
    assert await client.event() == ["echo", "after"]


async def test_a_stalled_upgrade_without_a_probe_times_out(peer: Any) -> None:
    """Trap 22."""
    client: Peer = await peer("polling", "brief")
    socket = await client.engine.websocket()
    ended = asyncio.create_task(socket.ended(LONGEST_UPGRADE))
    while not ended.done():
        assert await client.ask("ack plain", 1) == [1]
        await asyncio.wait({ended}, timeout=0.1)
    await ended
    assert await client.ask("ack plain", "after") == ["after"]


async def refused(attempt: Any) -> bool:
    """Whether a websocket was refused, in its handshake or right after."""
    try:
        socket = await attempt
    except aiohttp.WSServerHandshakeError as error:
        return error.status in {400, 403}
    try:
        await socket.send("2probe")
        await socket.receive()
    except (ClosedError, ConnectionError):
        return True
    return False


async def test_a_second_upgrade_at_once_is_refused(peer: Any) -> None:
    """Trap 52: the first one is not disturbed."""
    client: Peer = await peer("polling")
    first = await client.engine.websocket()
    await first.send("2probe")
    assert await first.receive() == "3probe"
    assert await refused(client.engine.websocket())
    await first.send("5")
    await first.send('42["echo",1]')
    assert await first.receive() == '42["echo",1]'
    await first.close()


async def test_an_upgraded_session_takes_no_other_websocket(peer: Any) -> None:
    """Trap 52."""
    client: Peer = await peer("polling")
    await client.engine.upgrade()
    assert await refused(client.engine.websocket())
    assert await client.ask("ack plain", 1) == [1]


@pytest.mark.python_only("it starts an upgrade from one websocket to the other")
async def test_a_session_opened_on_a_websocket_takes_no_other(peer: Any) -> None:
    """Trap 52."""
    client: Peer = await peer("websocket")
    assert await refused(client.engine.websocket())
    assert await client.ask("ack plain", 1) == [1]


async def test_the_session_may_end_during_the_upgrade(peer: Any, server: Program) -> None:
    """Trap 28: the handler runs once, the websocket does not stay behind."""
    client: Peer = await peer("polling")
    poll = asyncio.create_task(client.engine.request())
    socket = await client.engine.websocket()
    await socket.send("2probe")
    assert await socket.receive() == "3probe"
    await poll
    await client.engine.post("1")
    await server.seen(event="disconnect", sid=client.sids["/"])
    await socket.ended()
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1
