"""Clients that are cut in the middle of a broadcast: whom that concerns hears of it afterwards."""

from __future__ import annotations

import threading
import time
from typing import Any

import socketio
from socketio.protocol.engine import EnginePacket
from socketio.testing.memory import (
    AsyncTestClient,
    MemoryTransport,
    TestClient,
    ThreadedMemoryTransport,
)

CLIENTS = 600
DEADLINE = 30.0


def stuff(client: Any, kind: type[MemoryTransport]) -> None:
    """Give a client a transport that takes nothing: all that is sent waits."""
    transport = kind(client.session)
    transport.send = client.session.enqueue  # type: ignore[method-assign]  # of a client that reads nothing
    client.session.transport = transport
    for _ in range(2):
        client.session.enqueue(EnginePacket(4, "x" * 60_000))


async def test_many_overflow_in_one_broadcast_and_their_handlers_emit() -> None:
    sio = socketio.AsyncServer(max_outbox_size=120_000)
    gone: list[str] = []
    emitting = 0

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        assert emitting == 0, "a handler ran inside somebody's send"
        gone.append(reason)
        await sio.emit("left", sid)

    clients = [AsyncTestClient(sio) for _ in range(CLIENTS)]
    for client in clients:
        await client.connect()
    for client in clients:
        stuff(client, MemoryTransport)
    emitting += 1
    await sio.emit("news", "x" * 1000)
    emitting -= 1
    assert {client.reason for client in clients} == {"transport error"}
    await sio.sleep(0.01)
    while len(gone) < CLIENTS:
        await sio.sleep(0)
    assert gone == ["transport error"] * CLIENTS
    assert not sio.manager.rooms
    assert not sio.environ
    await sio.shutdown()


def test_many_overflow_in_threads() -> None:
    sio = socketio.Server(max_outbox_size=120_000)
    gone: list[str] = []
    all_gone = threading.Event()

    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        sio.emit("left", sid)
        gone.append(reason)
        if len(gone) == CLIENTS:
            all_gone.set()

    clients = [TestClient(sio) for _ in range(CLIENTS)]
    for client in clients:
        client.connect()
    for client in clients:
        stuff(client, ThreadedMemoryTransport)
    threads = [threading.Thread(target=sio.emit, args=("news", "x" * 1000)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert all_gone.wait(DEADLINE)
    assert gone == ["transport error"] * CLIENTS
    end = time.monotonic() + DEADLINE
    while sio.manager.rooms or sio.environ:
        assert time.monotonic() < end
        sio.sleep(0.01)
    sio.shutdown()
