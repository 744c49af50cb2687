"""`logger=` of servers: what clients, events and rooms do can be read in the log."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import socketio
from socketio.testing import AsyncTestClient, TestClient

LOGGER = logging.getLogger("application")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    return caplog


def of_server(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == LOGGER.name]


def story(sid: str) -> list[str]:
    """What a server says of one client that joins a room, asks for news, and goes."""
    return [
        f"{sid} is connected [/chat]",
        f"Received event 'join' from {sid} [/chat]",
        f"{sid} enters room 'news' [/chat]",
        "Emitting event 'joined' to news [/chat]",
        "Emitting event 'count' to everyone [/chat]",
        f"{sid} leaves room 'news' [/chat]",
        "Room 'news' is closed [/chat]",
        f"{sid} is disconnected: client disconnect [/chat]",
    ]


async def test_an_asyncio_server(log: pytest.LogCaptureFixture) -> None:
    sio = socketio.AsyncServer(logger=LOGGER)

    @sio.event(namespace="/chat")
    async def join(sid: str) -> None:
        await sio.enter_room(sid, "news", namespace="/chat")
        await sio.emit("joined", "data", room="news", namespace="/chat")
        await sio.emit("count", 1, namespace="/chat")
        await sio.leave_room(sid, "news", namespace="/chat")
        await sio.close_room("news", namespace="/chat")

    client = AsyncTestClient(sio)
    sid = await client.connect("/chat")
    await client.call("join", namespace="/chat")
    client.leave("/chat")
    assert of_server(log) == story(sid)


def test_a_threaded_server(log: pytest.LogCaptureFixture) -> None:
    sio = socketio.Server(logger=LOGGER)

    @sio.event(namespace="/chat")
    def join(sid: str) -> None:
        sio.enter_room(sid, "news", namespace="/chat")
        sio.emit("joined", "data", room="news", namespace="/chat")
        sio.emit("count", 1, namespace="/chat")
        sio.leave_room(sid, "news", namespace="/chat")
        sio.close_room("news", namespace="/chat")

    client = TestClient(sio)
    sid = client.connect("/chat")
    client.call("join", namespace="/chat")
    client.leave("/chat")
    sio.shutdown()
    assert of_server(log) == story(sid)


async def test_a_client_that_is_refused(log: pytest.LogCaptureFixture) -> None:
    sio = socketio.AsyncServer(logger=LOGGER)
    sio.on("connect", lambda sid, environ: False)
    with pytest.raises(ConnectionRefusedError):
        await AsyncTestClient(sio).connect()
    (line,) = of_server(log)
    assert line.endswith(" is refused [/]")


async def test_a_long_name_of_a_client_is_cut(log: pytest.LogCaptureFixture) -> None:
    sio = socketio.AsyncServer(logger=LOGGER)
    client = AsyncTestClient(sio)
    await client.connect()
    client.emit("x" * 100_000)
    (line,) = (line for line in of_server(log) if line.startswith("Received"))
    assert len(line) < 200


async def test_half_a_character_is_no_error_of_a_log_file(tmp_path: Path) -> None:
    """Whatever a client's text is used as, UTF-8 must be able to carry the lines about it."""
    half = "half \ud83d"
    logger = logging.getLogger("a file's")
    logger.setLevel(logging.DEBUG)
    handler = logging.FileHandler(tmp_path / "log", encoding="utf-8")
    failed: list[logging.LogRecord] = []
    handler.handleError = failed.append  # type: ignore[method-assign]  # it would only print
    logger.addHandler(handler)
    sio = socketio.AsyncServer(logger=logger, engineio_logger=logger)

    async def anything(event: str, sid: str, *args: Any) -> list[Any]:
        await sio.enter_room(sid, half)
        await sio.emit(event, half, to=half)
        await sio.emit(event, half, to=[half], callback=lambda *_: None)
        await sio.leave_room(sid, half)
        await sio.close_room(half)
        return [half]

    sio.on("*", anything)
    client = AsyncTestClient(sio)
    await client.connect(auth={"who": half})
    assert await client.call(half, half) == [[half]]
    await sio.shutdown()
    logger.removeHandler(handler)
    handler.close()
    assert not failed
    assert "half" in (tmp_path / "log").read_text("utf-8")


async def test_without_a_logger_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    sio = socketio.AsyncServer()
    client = AsyncTestClient(sio)
    await client.connect()
    client.emit("x")
    await sio.emit("y")
    assert [record for record in caplog.records if record.name == "socketio.server"] == []
