"""A plain Engine.IO server: what its three handlers may do."""

from __future__ import annotations

from typing import Any

import pytest

from socketio.engine import AsyncEngine
from socketio.engine.http import HTTPError
from socketio.engine.session import Session
from socketio.testing.memory import MemoryTransport


async def connect(engine: AsyncEngine) -> Session:
    session = engine.create_session("memory", {})
    session.transport = MemoryTransport(session)
    await engine.open(session)
    return session


def sent(session: Session) -> list[Any]:
    transport = session.transport
    assert isinstance(transport, MemoryTransport)
    return [packet.data for packet in transport.sent]


async def test_messages_go_both_ways() -> None:
    engine = AsyncEngine()
    reasons: list[str] = []

    @engine.on("connect")
    async def on_connect(sid: str, environ: Any) -> None:
        await engine.send(sid, "hello")

    @engine.on("message")
    async def on_message(sid: str, data: str | bytes) -> None:
        await engine.send(sid, data)

    engine.on("disconnect", lambda sid, reason: reasons.append(reason))
    session = await connect(engine)
    session.receive("4text")
    session.receive(b"binary")
    assert sent(session) == ["hello", "text", b"binary"]
    await engine.disconnect(session.sid)
    assert reasons == ["server disconnect"]
    await engine.send(session.sid, "nobody gets this")
    assert engine.sessions == {}
    await engine.shutdown()


@pytest.mark.parametrize("how", ["false", "raise"])
async def test_the_connect_handler_may_refuse(how: str) -> None:
    engine = AsyncEngine()

    @engine.on("connect")
    async def on_connect(sid: str, environ: Any) -> Any:
        if how == "raise":
            raise LookupError("no")
        return how != "false"

    with pytest.raises(HTTPError) as refused:
        await connect(engine)
    assert refused.value.status == 401
    assert engine.sessions == {}
    assert len(engine.heartbeats) == 0
    await engine.shutdown()


async def test_messages_wait_for_each_other_when_asked() -> None:
    import asyncio

    engine = AsyncEngine(async_handlers=False)
    log: list[Any] = []
    done = asyncio.Event()

    @engine.on("message")
    async def on_message(sid: str, data: Any) -> None:
        log.append(("start", data))
        await asyncio.sleep(0)
        log.append(("end", data))
        if data == "b":
            done.set()

    session = await connect(engine)
    session.receive("4a")
    session.receive("4b")
    async with asyncio.timeout(5):
        await done.wait()
    assert log == [("start", "a"), ("end", "a"), ("start", "b"), ("end", "b")]
    await engine.shutdown()


def test_there_are_three_events() -> None:
    with pytest.raises(ValueError, match="no event 'connected'"):
        AsyncEngine().on("connected", lambda sid: None)
