"""What a client emits while nothing waits is written at once: no task, lock or list for it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from socketio._async.engine_client import AsyncEngineClient
from socketio._async.engine_client import _Connection as AsyncConnection
from socketio._sync.engine_client import EngineClient, _Connection
from socketio.client.aiohttp_link import Link as AsyncLink
from socketio.client.requests_link import Link
from socketio.protocol.engine_client import Address, Handshake

from .test_hot_path import FORBIDDEN, count_calls

MESSAGES = 100
CALLS_PER_MESSAGE = 15
"""Python functions that run for each: what the websocket's library does is not among them."""
HANDSHAKE = Handshake(sid="1", upgrades=(), ping_interval=25, ping_timeout=20, max_payload=None)
ADDRESS = Address.of("http://localhost", "socket.io", {})


class Wire:
    """A websocket of threads that writes to a list, or raises what it is given."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.error: BaseException | None = None

    def takes(self, size: int, may_wait: bool) -> bool:
        return True

    def send(self, message: str | bytes) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.sent.append(message)


class AsyncWire(Wire):
    """The same of an event loop."""

    async def send(self, message: str | bytes) -> None:  # type: ignore[override]  # as the flavours differ
        self.sent.append(message)


def connected(client: Any, connection: Any, wire: Any) -> None:
    client._connection = connection
    client.state = "connected"
    connection.websocket = wire
    connection.ready = True


@pytest.fixture
def threaded() -> tuple[EngineClient, Any, Wire]:
    client, wire = EngineClient(logger=logging.getLogger("test")), Wire()
    connection = _Connection(HANDSHAKE, Link(None, None, True, {}, 5), ADDRESS)
    connected(client, connection, wire)
    return client, connection, wire


def check(calls: Any, connection: Any, wire: Wire) -> None:
    assert wire.sent == ["42[]"] * MESSAGES
    assert calls["python"] / MESSAGES <= CALLS_PER_MESSAGE
    unwanted = (*FORBIDDEN, "start", "start_new_thread", "add_all", "extend", "__enter__")
    assert {name: calls[name] for name in unwanted if calls[name]} == {}
    assert connection.outbox.size == 0
    assert connection.outbox.sent == MESSAGES


def test_a_message_is_written_at_once(threaded: tuple[EngineClient, Any, Wire]) -> None:
    client, connection, wire = threaded
    calls = count_calls(lambda: [client.send_all(["2[]"]) for _ in range(MESSAGES)])
    check(calls, connection, wire)


async def test_a_message_is_written_at_once_in_a_loop() -> None:
    client, wire = AsyncEngineClient(logger=logging.getLogger("test")), AsyncWire()
    connection = AsyncConnection(HANDSHAKE, AsyncLink(None, None, True, {}, 5), ADDRESS)
    connected(client, connection, wire)

    async def send() -> None:
        for _ in range(MESSAGES):
            assert await client.send_all(["2[]"])

    def run() -> None:
        with pytest.raises(StopIteration):  # it never suspends
            send().send(None)

    calls = count_calls(run)
    calls["__enter__"] -= 1  # of pytest.raises
    check(calls, connection, wire)


def test_what_is_interrupted_does_not_count_as_waiting(
    threaded: tuple[EngineClient, Any, Wire],
) -> None:
    client, connection, wire = threaded
    wire.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        client.send_all(["2[1]"])
    assert connection.outbox.size == 0
    assert client.send_all(["2[2]"])
    assert wire.sent == ["42[2]"]


def test_what_waits_goes_before(threaded: tuple[EngineClient, Any, Wire]) -> None:
    client, connection, wire = threaded
    assert connection.turn.take()  # somebody writes
    assert client.send_all(["2[1]"])
    connection.turn.give()
    assert client.send_all(["2[2]"])
    assert client.send_all(["2[3]"])
    assert wire.sent == ["42[1]", "42[2]", "42[3]"]
