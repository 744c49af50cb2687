"""Context variables that a middleware sets, in the handlers of every mode and transport."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from rig.wire import Peer

pytestmark = pytest.mark.python_only("JavaScript has no such variables")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_handlers_see_what_a_middleware_has_set(peer: Any, transport: str) -> None:
    client: Peer = await peer(transport)
    for _ in range(3):
        assert await client.ask("requests") == [[transport, transport]]


async def test_after_an_upgrade_it_is_the_websockets_request(peer: Any) -> None:
    client: Peer = await peer("polling")
    assert await client.ask("requests") == [["polling", "polling"]]
    await client.engine.upgrade()
    assert await client.ask("requests") == [["polling", "websocket"]]


async def test_clients_do_not_see_each_others(peer: Any) -> None:
    """Not even when their messages are dealt with by one thread, or in one turn of the loop."""
    clients: list[Peer] = [
        await peer(transport) for transport in ["polling", "websocket", "websocket", "polling"]
    ]
    transports = ["polling", "websocket", "websocket", "polling"]
    for _ in range(3):
        answers = await asyncio.gather(*(client.ask("requests") for client in clients))
        assert answers == [[[transport, transport]] for transport in transports]
