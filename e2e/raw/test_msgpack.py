"""The MessagePack form of the packets, byte by byte."""

from __future__ import annotations

import base64
from typing import Any

import msgpack
import pytest
from rig.process import Program
from rig.wire import ClosedError, Peer

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])


async def say(client: Peer, packet: Any) -> None:
    data = packet if isinstance(packet, bytes) else msgpack.packb(packet)
    if client.engine.socket is not None:
        await client.engine.socket.send(data)
    else:
        await client.engine.post(f"b{base64.b64encode(data).decode()}")


async def hear(client: Peer) -> dict[str, Any]:
    data = await client.receive()
    assert isinstance(data, bytes), data
    packet = msgpack.unpackb(data)
    assert isinstance(packet, dict)
    return packet


async def joined(peer: Any, transport: str, auth: Any = ...) -> Peer:
    client: Peer = await peer(transport, "msgpack", join=False)
    await say(client, {"type": 0, "nsp": "/"} | ({} if auth is ... else {"data": auth}))
    packet = await hear(client)
    assert packet["type"] == 0
    client.sids["/"] = packet["data"]["sid"]
    return client


@TRANSPORTS
async def test_events_and_acks(peer: Any, transport: str) -> None:
    client = await joined(peer, transport)
    await say(client, {"type": 2, "nsp": "/", "id": 0, "data": ["ack", b"\x00", {"a": 1.5}]})
    packet = await hear(client)
    assert packet == {"type": 3, "nsp": "/", "id": 0, "data": [b"\x00", {"a": 1.5}]}


@TRANSPORTS
async def test_a_disconnect_has_no_data(peer: Any, transport: str) -> None:
    """Trap 12: nil there makes the JavaScript client fail."""
    client = await joined(peer, transport)
    await say(client, {"type": 2, "nsp": "/", "data": ["bye"]})
    assert await hear(client) == {"type": 1, "nsp": "/"}


@TRANSPORTS
async def test_no_auth_is_none(peer: Any, transport: str) -> None:
    """Trap 49: nor an extension object; the JavaScript client sends undefined as one."""
    undefined = msgpack.packb({"type": 0, "nsp": "/", "data": msgpack.ExtType(0, b"\x00")})
    for packet in ({"type": 0, "nsp": "/"}, undefined):
        client: Peer = await peer(transport, "msgpack", join=False)
        await say(client, packet)
        assert (await hear(client))["type"] == 0
        await say(client, {"type": 2, "nsp": "/", "id": 1, "data": ["whoami"]})
        [facts] = (await hear(client))["data"]
        assert facts["auth"] in (None, {}), packet


@TRANSPORTS
async def test_a_refusal_is_an_object(peer: Any, transport: str) -> None:
    """Trap 11."""
    client: Peer = await peer(transport, "msgpack", join=False)
    await say(client, {"type": 0, "nsp": "/nowhere"})
    packet = await hear(client)
    assert packet["type"] == 4
    assert packet["data"]["message"]


MALFORMED: dict[str, Any] = {
    "no MessagePack": b"\xc1",
    "cut short": msgpack.packb({"type": 2, "nsp": "/", "data": ["echo", 1]})[:-1],
    "a list": [2, "/", ["echo"]],
    "a number": 7,
    "no type": {"nsp": "/", "data": ["echo"]},
    "unknown type": {"type": 9, "nsp": "/", "data": ["echo"]},
    "a type that is text": {"type": "2", "nsp": "/", "data": ["echo"]},
    "a namespace that is a number": {"type": 2, "nsp": 5, "data": ["echo"]},
    "no data": {"type": 2, "nsp": "/"},
    "data that is no list": {"type": 2, "nsp": "/", "data": "echo"},
    "an ack id that is text": {"type": 2, "nsp": "/", "id": "1", "data": ["echo"]},
    "an event name that is binary": {"type": 2, "nsp": "/", "data": [{}]},
    "a reserved event": {"type": 2, "nsp": "/", "data": ["connect", {}, {}]},
    "trailing bytes": msgpack.packb({"type": 2, "nsp": "/", "data": ["echo"]}) + b"\x00",
    "keys in one another": {"type": 2, "nsp": "/", "data": {"a": {"b": []}}},
}


@pytest.mark.python_only("its parser checks less")
@TRANSPORTS
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_packet_ends_the_session(
    peer: Any, server: Program, transport: str, case: str
) -> None:
    """Trap 26, trap 1."""
    client = await joined(peer, transport)
    await say(client, MALFORMED[case])
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"
    await client.gone()
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1


@pytest.mark.python_only("its parser takes text")
async def test_text_ends_the_session(peer: Any, server: Program) -> None:
    """Trap 26: a client of the default parser is told by the close."""
    client: Peer = await peer(variant="msgpack", join=False)
    await client.raw("40")
    try:
        await client.receive()
    except ClosedError:
        pass
    else:
        pytest.fail("a text packet was answered")
