"""The clients without a network, in both flavours: what tests of applications stand on."""

from __future__ import annotations

import gc
import queue
from collections.abc import Iterator
from typing import Any

import pytest

import socketio
from socketio.testing import AsyncTestClient, TestClient


@pytest.fixture
def threaded() -> Iterator[socketio.Server]:
    sio = socketio.Server()
    yield sio
    sio.shutdown()


def test_a_client_of_threads_connects_calls_and_receives(threaded: socketio.Server) -> None:
    @threaded.event
    def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        threaded.emit("hello", [environ["REMOTE_ADDR"], auth, b"\0"], to=sid)

    threaded.on("add", lambda sid, a, b: a + b)
    client = TestClient(threaded, {"REMOTE_ADDR": "192.0.2.1"})
    sid = client.connect(auth={"token": 1})
    assert threaded.rooms(sid) == [sid]
    assert client.receive() == ["hello", ["192.0.2.1", {"token": 1}, b"\0"]]
    assert client.call("add", 1, 2) == [3]


def test_a_client_of_threads_answers_the_server(threaded: socketio.Server) -> None:
    threaded.on("ask", lambda sid: threaded.call("question", 3, to=sid, timeout=5))
    client = TestClient(threaded)
    client.on("question", lambda number: number * 2)
    client.connect()
    assert client.call("ask") == [6]
    assert client.received() == [["question", 3]]


def test_a_client_of_threads_is_refused_and_let_go(threaded: socketio.Server) -> None:
    reasons: queue.Queue[str] = queue.Queue()

    @threaded.event
    def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        if auth is None:
            raise socketio.exceptions.ConnectionRefusedError("who are you?")

    threaded.on("disconnect", lambda sid, reason: reasons.put(reason))
    client = TestClient(threaded)
    with pytest.raises(ConnectionRefusedError, match="who are you"):
        client.connect()
    client.connect(auth={})
    client.leave()
    assert reasons.get(timeout=5) == "client disconnect"
    client.connect(auth={})
    client.drop()
    assert client.reason == "transport close"


def test_a_wait_of_threads_has_an_end(threaded: socketio.Server) -> None:
    client = TestClient(threaded)
    client.connect()
    with pytest.raises(TimeoutError):
        client.receive(timeout=0.01)
    with pytest.raises(RuntimeError, match="connect first"):
        TestClient(threaded).emit("x")


def test_a_wait_of_threads_ends_with_the_session(threaded: socketio.Server) -> None:
    with pytest.raises(ConnectionAbortedError, match="transport error"):
        TestClient(threaded).connect(auth="no object")
    threaded.on("drop", lambda sid: client.drop())
    client = TestClient(threaded)
    client.connect()
    with pytest.raises(ConnectionAbortedError, match="transport close"):
        client.call("drop")


def test_many_senders_do_not_mix_their_attachments(threaded: socketio.Server) -> None:
    client = TestClient(threaded)
    client.connect()
    tasks = [
        threaded.start_background_task(threaded.emit, "data", [number, bytes([number])])
        for number in range(100)
    ]
    for task in tasks:
        task.join()
    received = [event[1] for event in client.received()]
    assert sorted(received) == [[number, bytes([number])] for number in range(100)]


async def test_a_wait_of_asyncio_ends_with_the_session() -> None:
    sio = socketio.AsyncServer()
    with pytest.raises(ConnectionAbortedError, match="transport error"):
        await AsyncTestClient(sio).connect(auth="no object")
    sio.on("drop", lambda sid: client.drop())
    client = AsyncTestClient(sio)
    await client.connect()
    with pytest.raises(ConnectionAbortedError, match="transport close"):
        await client.call("drop")
    await sio.shutdown()
    gc.collect()  # a future whose error nobody took would be reported now
