"""Websockets whose opening handshake comes to nothing: no session stays, nothing is in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import socketio
from socketio._async.polling import PollingTransport
from socketio.engine import AsyncEngine
from socketio.engine.session import Session


class Opening:
    """An ASGI server with one client, which goes before it has its answer.

    Args:
        engine: The engine.
        goes: Called when the answer is to be sent.
    """

    def __init__(self, engine: AsyncEngine, goes: Callable[[], Any]) -> None:
        self.app = socketio.ASGIApp(engine, socketio_path="engine.io")
        self.goes = goes
        self.answered = asyncio.Event()

    async def receive(self) -> Any:
        return {"type": "websocket.connect"}

    async def send(self, event: Any) -> None:
        self.answered.set()
        await self.goes()

    async def serve(self, query: str = "") -> None:
        scope = {
            "type": "websocket",
            "path": "/engine.io/",
            "query_string": f"EIO=4&transport=websocket{query}".encode(),
            "headers": [],
        }
        await self.app(scope, self.receive, self.send)


async def breaks_off() -> None:
    raise ConnectionResetError("the client is gone")


@pytest.fixture
def reasons() -> list[str]:
    return []


@pytest.fixture
async def engine(reasons: list[str]) -> Any:
    engine = AsyncEngine()
    engine.on("disconnect", lambda sid, reason: reasons.append(reason))
    yield engine
    await engine.shutdown()


async def open_polling(engine: AsyncEngine) -> Session:
    session = engine.create_session("polling", {})
    session.transport = PollingTransport(session)
    await engine.open(session)
    return session


async def test_a_client_that_goes_before_its_answer(
    engine: AsyncEngine, reasons: list[str]
) -> None:
    await Opening(engine, breaks_off).serve()
    assert engine.sessions == {}
    assert reasons == ["transport close"]


async def test_a_server_that_gives_up_before_the_answer(
    engine: AsyncEngine, reasons: list[str]
) -> None:
    opening = Opening(engine, asyncio.Event().wait)
    serving = asyncio.create_task(opening.serve())
    await asyncio.wait_for(opening.answered.wait(), 10)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert engine.sessions == {}
    assert reasons == ["transport close"]


async def test_an_upgrade_that_goes_before_its_answer(engine: AsyncEngine) -> None:
    session = await open_polling(engine)
    await Opening(engine, breaks_off).serve(f"&sid={session.sid}")
    assert session.upgrading is None
    assert not session.closed


async def test_a_cookie_that_cannot_be_made(engine: AsyncEngine) -> None:
    def fails(sid: str, environ: Any) -> str:
        raise LookupError("a bug")

    engine.config.cookie = fails
    with pytest.raises(LookupError):
        await Opening(engine, breaks_off).serve()
    assert engine.sessions == {}
