"""The Admin UI's door: whatever is sent as credentials is refused, slowly, and not for ever."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

import socketio
from socketio.admin import InstrumentedServer
from socketio.async_admin import InstrumentedAsyncServer
from socketio.server.admin_guard import FAILURE_DELAY, MAX_FAILURES
from socketio.testing import AsyncTestClient, TestClient

CREDENTIALS = {"username": "admin", "password": "a long secret"}
WRONG = {**CREDENTIALS, "password": "wrong"}


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"sessionId": [value]}
    return value


SHAPES: list[Any] = [
    {"sessionId": []},
    {"sessionId": {}},
    {"sessionId": [[1]]},
    {"sessionId": 0},
    {"sessionId": 1e300},
    {"sessionId": b"binary"},
    {"sessionId": True, "username": None, "password": [{}]},
    {"username": ["admin"], "password": {"a": 1}},
    {"username": "\ud83d", "password": "\x00"},
    {"username": b"admin", "password": b"a long secret"},
    {"": "", "username": "x" * 500_000},
    {"1": 1, "a": None},
    nested(100),
    {},
    None,
]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InstrumentedServer, "failure_delay", 0)
    monkeypatch.setattr(InstrumentedAsyncServer, "failure_delay", 0)


def tracebacks(log: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in log.records if record.exc_info]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("serializer", ["default", "msgpack"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape)[:30])
async def test_any_shape_is_refused_in_a_loop(
    shape: Any, serializer: str, caplog: pytest.LogCaptureFixture
) -> None:
    if serializer == "default" and b"binary" in (shape or {}).values():
        return  # a CONNECT packet has no attachments
    if serializer == "default" and b"admin" in (shape or {}).values():
        return
    sio = socketio.AsyncServer(serializer=serializer)
    sio.instrument(auth=[CREDENTIALS])
    with pytest.raises(ConnectionRefusedError, match="invalid credentials"):
        await AsyncTestClient(sio).connect("/admin", auth=shape)
    assert tracebacks(caplog) == []
    await sio.shutdown()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape)[:30])
def test_any_shape_is_refused_in_threads(shape: Any, caplog: pytest.LogCaptureFixture) -> None:
    sio = socketio.Server(serializer="msgpack")
    sio.instrument(auth=CREDENTIALS)
    with pytest.raises(ConnectionRefusedError, match="invalid credentials"):
        TestClient(sio).connect("/admin", auth=shape)
    assert tracebacks(caplog) == []
    sio.shutdown()


@pytest.mark.usefixtures("quick")
async def test_a_function_that_breaks_on_a_shape_refuses(caplog: pytest.LogCaptureFixture) -> None:
    sio = socketio.AsyncServer()
    sio.instrument(auth=lambda sent: sent["token"]["value"] == "secret")
    await AsyncTestClient(sio).connect("/admin", auth={"token": {"value": "secret"}})
    with pytest.raises(ConnectionRefusedError, match="invalid credentials"):
        await AsyncTestClient(sio).connect("/admin", auth={"token": 1})
    assert len(tracebacks(caplog)) == 1
    await sio.shutdown()


async def test_failures_are_slow_and_side_by_side_no_faster() -> None:
    sio = socketio.AsyncServer()
    sio.instrument(auth=CREDENTIALS)
    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        await AsyncTestClient(sio).connect("/admin", auth=WRONG)
    assert time.monotonic() - began > FAILURE_DELAY - 0.1
    await AsyncTestClient(sio).connect("/admin", auth=CREDENTIALS)
    await sio.shutdown()


@pytest.mark.usefixtures("quick")
async def test_an_address_that_guesses_is_shut_out_in_a_loop() -> None:
    sio = socketio.AsyncServer()
    sio.instrument(auth=CREDENTIALS)

    def client(address: str) -> AsyncTestClient:
        return AsyncTestClient(sio, {"REMOTE_ADDR": address})

    for _ in range(MAX_FAILURES):
        with pytest.raises(ConnectionRefusedError, match="invalid credentials"):
            await client("192.0.2.1").connect("/admin", auth=WRONG)
    for auth in (WRONG, CREDENTIALS):
        with pytest.raises(ConnectionRefusedError, match="too many attempts"):
            await client("192.0.2.1").connect("/admin", auth=auth)
    await client("192.0.2.2").connect("/admin", auth=CREDENTIALS)
    await client("192.0.2.1").connect()  # only the Admin UI is closed to it
    await sio.shutdown()


@pytest.mark.usefixtures("quick")
def test_an_address_that_guesses_is_shut_out_in_threads() -> None:
    sio = socketio.Server()
    sio.instrument(auth=CREDENTIALS)
    for _ in range(MAX_FAILURES):
        with pytest.raises(ConnectionRefusedError, match="invalid credentials"):
            TestClient(sio, {"REMOTE_ADDR": "192.0.2.1"}).connect("/admin", auth=WRONG)
    with pytest.raises(ConnectionRefusedError, match="too many attempts"):
        TestClient(sio, {"REMOTE_ADDR": "192.0.2.1"}).connect("/admin", auth=CREDENTIALS)
    TestClient(sio, {"REMOTE_ADDR": "192.0.2.2"}).connect("/admin", auth=CREDENTIALS)
    sio.shutdown()


@pytest.mark.usefixtures("quick")
async def test_who_was_let_in_comes_back_from_an_address_that_is_shut_out() -> None:
    sio = socketio.AsyncServer()
    sio.instrument(auth=CREDENTIALS)
    admin = AsyncTestClient(sio)
    await admin.connect("/admin", auth=CREDENTIALS)
    (session_id,) = [event[1] for event in admin.received("/admin") if event[0] == "session"]
    for _ in range(MAX_FAILURES):
        with pytest.raises(ConnectionRefusedError):
            await AsyncTestClient(sio).connect("/admin", auth=WRONG)
    await AsyncTestClient(sio).connect("/admin", auth={"sessionId": session_id})
    await sio.shutdown()
