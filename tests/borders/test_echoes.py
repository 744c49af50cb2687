"""What a client may send, a handler can send back: the deepest, the longest, the oddest."""

from __future__ import annotations

from typing import Any

import pytest

import socketio
from socketio.engine.config import EngineConfig
from socketio.protocol.depth import MAX_DEPTH
from socketio.testing import AsyncTestClient, TestClient

LONGEST = EngineConfig().max_http_buffer_size


def nested(levels: int, leaf: Any) -> Any:
    value = leaf
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


VALUES = {
    "deep": nested(MAX_DEPTH - 1, "leaf"),
    "deep, binary": nested(MAX_DEPTH - 1, b"leaf"),
    "long": "x" * (LONGEST - 100),
    "long, binary": b"\xff" * (LONGEST - 100),
    "large integers": [2**63 - 1, -(2**63), 2**64 - 1, 1e308],
    "half a character": ["\ud83d", {"\udc00": 1}],
}


def expected(value: Any, serializer: str) -> Any:
    """What arrives: msgpack has no half characters."""
    if serializer == "msgpack" and value is VALUES["half a character"]:
        return ["\ufffd", {"\ufffd": 1}]
    return value


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("serializer", ["default", "msgpack"])
async def test_an_asyncio_server_sends_back_what_it_accepts(serializer: str, what: str) -> None:
    sio = socketio.AsyncServer(serializer=serializer)

    @sio.event
    async def echo(sid: str, value: Any) -> Any:
        await sio.emit("event", value, to=sid)
        await sio.emit("broadcast", value)
        return value

    client = AsyncTestClient(sio)
    await client.connect()
    value = VALUES[what]
    back = expected(value, serializer)
    assert await client.call("echo", value) == [back]
    assert client.received() == [["event", back], ["broadcast", back]]
    await sio.shutdown()


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("serializer", ["default", "msgpack"])
def test_a_threaded_server_sends_back_what_it_accepts(serializer: str, what: str) -> None:
    sio = socketio.Server(serializer=serializer)

    @sio.event
    def echo(sid: str, value: Any) -> Any:
        sio.emit("event", value, to=sid)
        sio.emit("broadcast", value)
        return value

    client = TestClient(sio)
    client.connect()
    value = VALUES[what]
    back = expected(value, serializer)
    assert client.call("echo", value) == [back]
    assert client.received() == [["event", back], ["broadcast", back]]
    sio.shutdown()


@pytest.mark.parametrize("what", ["deep", "deep, binary"])
@pytest.mark.parametrize("serializer", ["default", "msgpack"])
async def test_the_admin_ui_looks_on(serializer: str, what: str) -> None:
    sio = socketio.AsyncServer(serializer=serializer)
    sio.instrument(auth=False)

    @sio.event
    async def echo(sid: str, value: Any) -> Any:
        await sio.emit("event", value, to=sid)

    admin, client = AsyncTestClient(sio), AsyncTestClient(sio)
    await admin.connect("/admin")
    await client.connect()
    client.emit("echo", VALUES[what])
    assert await client.receive() == ["event", VALUES[what]]
    seen = [event[0] for event in admin.received("/admin")]
    assert "event_received" in seen and "event_sent" in seen
    await sio.shutdown()


@pytest.mark.parametrize("serializer", ["default", "msgpack"])
async def test_what_is_too_deep_ends_the_session_or_the_emit(serializer: str) -> None:
    sio = socketio.AsyncServer(serializer=serializer)
    client = AsyncTestClient(sio)
    await client.connect()
    with pytest.raises(ValueError, match="flatten it"):
        await sio.emit("x", VALUES["deep"], to=None, namespace="/") or await sio.emit(
            "x", [VALUES["deep"]]
        )
    deep = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1x" + b"\x91" * MAX_DEPTH + b"\x01"
    text = f'2["x",{"[" * MAX_DEPTH}{"]" * MAX_DEPTH}]'
    assert client.reason is None
    client.send_raw(deep if serializer == "msgpack" else f"4{text}")
    assert client.reason == "transport error"
    await sio.shutdown()
