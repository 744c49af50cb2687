"""`start()`: a broker that refuses the server is an error, until it lets it in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from socketio import AsyncPubSubManager, AsyncServer, PubSubManager, Server, exceptions
from socketio.abc.driver import BusDriver
from socketio.async_inbox import AsyncInbox
from socketio.engine.http import HTTPError
from socketio.engine.session import Session
from socketio.testing.contracts.cluster import wait_for
from socketio.testing.memory import MemoryTransport


class Refused(Exception):
    """The broker's words."""


class Door:
    """A broker that lets nobody in until it is opened; it has no other processes."""

    def __init__(self) -> None:
        self.open = False
        self.attempts = 0
        self.waiting = threading.Event()
        self.waiting.set()

    def knock(self) -> None:
        self.attempts += 1
        if not self.open:
            raise Refused("no entry")


class Driver(BusDriver):
    """The synchronous way to a `Door`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._closed = threading.Event()

    def connect(self, receive: bool) -> None:
        self._door.waiting.wait(20)
        self._door.knock()

    def publish(self, messages: list[bytes]) -> None:
        pass

    def receive(self, timeout: float) -> list[bytes]:
        self._closed.wait(timeout)
        return []

    def close(self) -> None:
        self._closed.set()

    def is_permanent(self, error: BaseException) -> bool:
        return isinstance(error, Refused)


class AsyncDriver(BusDriver):
    """The asyncio way to a `Door`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._inbox = AsyncInbox()

    async def connect(self, receive: bool) -> None:
        self._door.knock()

    async def publish(self, messages: list[bytes]) -> None:
        pass

    async def receive(self, timeout: float) -> list[bytes]:
        return await self._inbox.receive(timeout)

    async def close(self) -> None:
        pass

    def is_permanent(self, error: BaseException) -> bool:
        return isinstance(error, Refused)


class Manager(PubSubManager):
    reconnect_delay_max = 1.0  # what must come before it has time to

    def __init__(self, door: Door) -> None:
        super().__init__()
        self.door = door

    def create_driver(self) -> BusDriver:
        return Driver(self.door)


class AsyncManager(AsyncPubSubManager):
    reconnect_delay_max = 1.0  # what must come before it has time to

    def __init__(self, door: Door) -> None:
        super().__init__()
        self.door = door

    def create_driver(self) -> BusDriver:
        return AsyncDriver(self.door)


def session_of(sio: Any) -> Session:
    """Return a new session of a client that takes everything, not open yet."""
    session: Session = sio.eio.create_session("memory", {})
    session.transport = MemoryTransport(session, lambda packet: None)
    return session


async def test_a_refusal_is_an_error_until_the_broker_lets_us_in() -> None:
    door = Door()
    sio = AsyncServer(client_manager=AsyncManager(door))
    for _ in range(3):  # at once: the broker is not asked again
        with pytest.raises(exceptions.ConnectionError, match="no entry"):
            await sio.start()
    assert door.attempts == 1
    assert not sio.ready()
    health = sio.manager.health()
    assert (health.state, health.refusals, health.connections) == ("failed", 1, 0)
    # Nobody is there to hear of it, and the caller knows; see the docs.
    with pytest.raises(exceptions.ConnectionError, match="no entry"):
        await sio.emit("x")
    door.open = True
    async with asyncio.timeout(20):
        while sio.manager.health().state != "connected":
            try:
                await sio.start()
            except exceptions.ConnectionError:
                await asyncio.sleep(0.02)
    assert sio.ready()
    await sio.emit("x")
    await sio.shutdown()
    assert not sio.ready()


async def test_it_says_that_it_was_shut_down_before_it_had_started() -> None:
    manager = AsyncManager(Door())
    sio = AsyncServer(client_manager=manager)
    await sio.shutdown()
    with pytest.raises(exceptions.ConnectionError, match="shut down before it had started"):
        await manager.start()


async def test_many_first_clients_start_the_manager_once() -> None:
    door = Door()
    sio = AsyncServer(client_manager=AsyncManager(door))
    sessions = [session_of(sio) for _ in range(5)]
    outcomes = await asyncio.gather(*map(sio.eio.open, sessions), return_exceptions=True)
    assert [getattr(each, "status", each) for each in outcomes] == [503] * 5
    assert door.attempts == 1
    assert not sio.eio.sessions
    await sio.shutdown()


def test_first_clients_of_several_threads_wait_for_the_manager() -> None:
    door = Door()
    door.open = True
    door.waiting.clear()
    sio = Server(client_manager=Manager(door))
    sessions = [session_of(sio) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        opened = [pool.submit(sio.eio.open, session) for session in sessions]
        assert not any(each.done() for each in opened)
        door.waiting.set()
        for each in opened:
            each.result(20)
    assert door.attempts == 1
    sio.shutdown()


def test_threads_that_are_refused_try_again_later() -> None:
    door = Door()
    sio = Server(client_manager=Manager(door))
    for _ in range(2):
        with pytest.raises(HTTPError, match="not ready") as raised:
            sio.eio.open(session_of(sio))
        assert raised.value.status == 503
    assert door.attempts == 1
    door.open = True
    wait_for(lambda: _opens(sio), "an open session")
    sio.shutdown()


def _opens(sio: Server) -> bool:
    try:
        sio.eio.open(session_of(sio))
    except HTTPError:
        return False
    return True


async def test_a_server_serves_anew_after_its_shutdown() -> None:
    door = Door()
    door.open = True
    sio = AsyncServer(client_manager=AsyncManager(door))
    for attempt in (1, 2):
        await sio.start()
        assert sio.manager.health().state == "connected"
        await sio.eio.open(session_of(sio))
        await sio.shutdown()
        assert sio.manager.health().state == "closed"
        assert door.attempts == attempt


@pytest.mark.parametrize("create", [AsyncServer, Server])
async def test_the_manager_of_one_process_needs_no_start(create: Callable[[], Any]) -> None:
    sio = create()
    assert not sio.ready()
    starting = sio.start()
    if starting is not None:
        await starting
    assert sio.manager_initialized
    assert sio.ready()
