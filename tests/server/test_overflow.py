"""Clients that are cut in the middle of a broadcast: whom that concerns hears of it afterwards."""

from __future__ import annotations

import inspect
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


async def test_handlers_and_observers_of_slow_clients_run_after_the_send() -> None:
    """They emit to everybody, which drops further events and cuts further clients."""
    sio = socketio.AsyncServer(max_outbox_size=20_000, slow_client_policy="drop_new")
    sending = 0
    depths: list[int] = []
    gone: list[str] = []
    told: list[str] = []

    class Telling(socketio.ServerObserver):
        def client_slow(self, session: Any, what: str, count: int) -> None:
            assert sending == 0, "an observer ran inside somebody's send"
            told.append(what)

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        assert sending == 0, "a handler ran inside somebody's send"
        depths.append(len(inspect.stack(0)))
        gone.append(sid)
        await sio.emit("left", sid)
        await sio.emit("asked", "x" * 1000, callback=print)

    sio.observers.append(Telling())
    clients = [AsyncTestClient(sio) for _ in range(50)]
    for client in clients:
        await client.connect()
    for number, client in enumerate(clients):
        transport = MemoryTransport(client.session)  # type: ignore[arg-type]  # it is connected
        transport.send = client.session.enqueue  # type: ignore[union-attr,method-assign]  # of a client that reads nothing
        client.session.transport = transport  # type: ignore[union-attr]
        # Some are nearer to their end than others.
        client.session.enqueue(EnginePacket(4, "x" * (15_000 + 80 * number)))  # type: ignore[union-attr]
    for _ in range(10):
        sending += 1
        sio.manager.emit_here("news", "x" * 1000, "/")
        sending -= 1
    # What must not be dropped cuts the first of them, and their ends the others.
    await sio.emit("asked", "x" * 4000, to=next(iter(clients[-1].sids.values())), callback=print)
    end = time.monotonic() + DEADLINE
    while len(gone) < len(clients):
        assert time.monotonic() < end, (len(gone), told)
        await sio.sleep(0)
    assert sorted(gone) == sorted(set(gone))
    assert {"drop_new", "overflowed"} == set(told)
    assert sio.flow.overflowed == len(clients)
    assert max(depths) < min(depths) + 10, "one end runs inside another one"
    await sio.shutdown()
