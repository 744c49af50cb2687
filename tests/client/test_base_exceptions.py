"""Code of a client's application that raises more than `Exception`, in both flavours."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

import socketio

from .conftest import DEADLINE, LoopThread

MANY = 70
"""More than a runtime has slots for handlers."""


class Panic(BaseException):
    """What a Rust extension raises when it panics."""


class Panics:
    """A JSON module whose `loads` panics once it is told to."""

    def __init__(self) -> None:
        import json

        self.dumps = json.dumps
        self._loads = json.loads
        self.broken = False

    def loads(self, text: str, **options: Any) -> Any:
        if self.broken:
            raise Panic("in the serializer")
        return self._loads(text, **options)


class Blocking:
    """A client whose methods block, whatever its flavour."""

    def __init__(self, flavour: str, loop: LoopThread, **options: Any) -> None:
        self.is_async = flavour == "async"
        self._loop = loop
        make = socketio.AsyncClient if self.is_async else socketio.Client
        self.client: Any = make(reconnection=False, **options)

    def do(self, name: str, *args: Any, **options: Any) -> Any:
        result = getattr(self.client, name)
        if not self.is_async:
            return result(*args, **options)

        async def call() -> Any:
            return await result(*args, **options)

        return self._loop.run(call())

    def on(self, event: str, function: Any) -> None:
        if not self.is_async:
            self.client.on(event, function)
            return

        async def waits(*args: Any) -> Any:
            await self.client.sleep(0)
            return function(*args)

        self.client.on(event, waits)


def panic(*args: Any) -> None:
    raise Panic("in a handler")


def errors(caplog: pytest.LogCaptureFixture) -> list[Any]:
    found = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return [record.exc_info[0] if record.exc_info else None for record in found]


@pytest.mark.parametrize("flavour", ["async", "sync"])
def test_handlers_of_a_client(
    flavour: str,
    loop_thread: LoopThread,
    socketio_server: tuple[str, socketio.AsyncServer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, sio = socketio_server
    called = threading.Semaphore(0)
    disconnected = threading.Event()

    @sio.event
    async def start(sid: str) -> None:
        for _ in range(MANY):
            await sio.emit("panic", to=sid)
            await sio.emit("any other", to=sid)
        await sio.emit("done", to=sid)

    sio.on("answer", lambda sid: 1)

    def callback(*args: Any) -> None:
        called.release()
        panic()

    def disconnect(reason: str) -> None:
        disconnected.set()
        panic()

    done = threading.Event()
    client = Blocking(flavour, loop_thread)
    for event in ("connect", "panic", "*", "__disconnect_final"):
        client.on(event, panic)
    client.on("disconnect", disconnect)
    client.on("done", lambda: done.set())
    client.do("connect", url, transports=["websocket"], wait_timeout=DEADLINE)
    client.do("emit", "start")
    for _ in range(MANY):
        client.do("emit", "answer", callback=callback)
    for _ in range(MANY):
        assert called.acquire(timeout=DEADLINE)
    assert done.wait(DEADLINE)
    assert client.do("call", "answer", timeout=DEADLINE) == 1
    client.do("disconnect")
    assert disconnected.is_set()
    assert client.do("wait") is None
    assert errors(caplog) == [Panic] * (3 * MANY + 2)


@pytest.mark.parametrize("flavour", ["async", "sync"])
@pytest.mark.parametrize("argument", ["auth", "headers", "url"])
def test_functions_for_the_connection(
    flavour: str,
    argument: str,
    loop_thread: LoopThread,
    socketio_server: tuple[str, socketio.AsyncServer],
) -> None:
    """Who called `connect` gets what they raise, and may try again."""
    url, _ = socketio_server
    client = Blocking(flavour, loop_thread)
    options: dict[str, Any] = {"url": url, "wait_timeout": DEADLINE}
    with pytest.raises(Panic):
        client.do("connect", **{**options, argument: panic})
    assert not client.client.connected
    client.do("connect", **options)
    assert client.client.connected
    client.do("disconnect")


@pytest.mark.parametrize("flavour", ["async", "sync"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_serializer_that_panics_ends_the_connection(
    flavour: str,
    transport: str,
    loop_thread: LoopThread,
    socketio_server: tuple[str, socketio.AsyncServer],
) -> None:
    url, sio = socketio_server
    sio.on("answer", lambda sid: sio.emit("news", {"a": 1}, to=sid))
    serializer = Panics()
    client = Blocking(flavour, loop_thread, json=serializer)
    ended = threading.Event()
    client.on("disconnect", lambda reason: ended.set())
    client.do("connect", url, transports=[transport], wait_timeout=DEADLINE)
    serializer.broken = True
    client.do("emit", "answer")
    assert ended.wait(DEADLINE)
    client.do("wait")
    serializer.broken = False
    client.do("connect", url, transports=[transport], wait_timeout=DEADLINE)
    client.do("disconnect")
