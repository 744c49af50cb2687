"""Managers with a driver, on a broker in memory: what the contract says, and what brokers do."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import logging
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from socketio import AsyncServer, Server, exceptions
from socketio.bus import presence
from socketio.engine.http import HTTPError
from socketio.engine.session import Session
from socketio.server.observers import ServerObserver
from socketio.testing import AsyncTestClient, TestClient
from socketio.testing.contracts import BusContract
from socketio.testing.contracts.cluster import ClusterClient, External, Flavour, Node, wait_for
from socketio.testing.contracts.manager_suite import ManagerSuite

_spec = importlib.util.spec_from_file_location(
    "memory_broker", Path(__file__).with_name("memory_broker.py")
)
assert _spec is not None
assert _spec.loader is not None
memory_broker: Any = importlib.util.module_from_spec(_spec)
sys.modules["memory_broker"] = memory_broker
_spec.loader.exec_module(memory_broker)


class OnMemory(ManagerSuite):
    @pytest.fixture(autouse=True)
    def a_broker(self) -> None:
        self.broker = memory_broker.Broker()

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        return memory_broker.create_manager(self.broker, flavour, channel, **options)


class TestContract(OnMemory, BusContract):
    # In a forked process there is another broker.
    test_every_child_of_a_fork_is_heard = None  # type: ignore[assignment]  # see above
    test_a_child_of_a_serving_process_emits_to_its_parents_clients = None  # type: ignore[assignment]  # see above
    test_a_server_that_was_started_before_a_fork_hears_and_is_heard_in_the_child = None  # type: ignore[assignment]  # see above
    test_a_manager_for_each_task_leaves_nothing_behind = None  # type: ignore[assignment]  # it has no key to share by


class TestBroker(OnMemory):
    @pytest.fixture
    def create_outside(self, flavour: Flavour, channel: str) -> Iterator[Callable[[], External]]:
        outsiders: list[External] = []

        def create() -> External:
            def manager() -> Any:
                made = self.create_manager(flavour, channel, write_only=True)
                made.reconnect_delay = 0.05
                made.reconnect_delay_max = 0.1
                return made

            outsiders.append(External(flavour, manager))
            return outsiders[-1]

        yield create
        for each in outsiders:
            each.stop()

    def test_an_emit_after_a_quiet_time_is_not_late(
        self,
        create_node: Callable[..., Node],
        create_outside: Callable[[], External],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Brokers close connections that were idle, and another process left without a word."""
        monkeypatch.setattr(presence, "QUIET", 0.0)  # the test does not wait until it is quiet
        here, there, gone = create_node(), create_node(), create_node()
        client = there.client()
        for node in (here, there):
            wait_for(lambda node=node: node.manager.health().others == 2, "the others")  # type: ignore[misc]  # mypy cannot type a default
        outside = create_outside()
        outside.emit("n", 0)
        assert client.receive() == ["n", 0]
        gone.manager._bus._presence.farewell = lambda: {"method": "nothing"}
        gone.stop()
        self.broker.close_idle()
        for emitter in (here, outside):
            began = time.monotonic()
            emitter.emit("n", 1)
            assert client.receive() == ["n", 1]
            assert time.monotonic() - began < 1.5, "the other process that is gone was waited for"

    def test_a_refusal_at_the_start_is_tried_again(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        client = create_node().client()
        self.broker.refuses = True
        outside = create_outside()
        with pytest.raises(exceptions.ConnectionError, match="no entry"):
            outside.emit("n", 1)
        wait_for(lambda: outside.manager.health().state == "failed", "the outcome")
        attempts = self.broker.attempts
        wait_for(lambda: self.broker.attempts > attempts + 2, "further attempts")
        with pytest.raises(exceptions.ConnectionError, match="no entry"):
            outside.emit("n", 2)
        self.broker.refuses = False
        wait_for(lambda: outside.manager.health().state == "connected", "a connection")
        outside.emit("n", 3)
        assert client.receive() == ["n", 3]

    def test_a_server_that_was_refused_serves_when_it_is_not_any_more(
        self, create_node: Callable[..., Node]
    ) -> None:
        def prepare(manager: Any) -> None:
            manager.reconnect_delay = manager.reconnect_delay_max = 0.05
            made.append(manager)

        made: list[Any] = []
        node = create_node(prepare=prepare)
        node.run(node.server.shutdown)
        self.broker.refuses = True
        with pytest.raises(exceptions.ConnectionError, match="no entry"):
            node.run(node.server.start)
        self.broker.refuses = False
        wait_for(lambda: made[0].health().state == "connected", "a connection")
        node.run(node.server.start)
        node.client()

    def test_a_server_stops_while_its_first_client_waits_for_the_broker(
        self, flavour: Flavour, channel: str
    ) -> None:
        manager = self.create_manager(flavour, channel)
        manager.timeout = 2.0
        self.broker.answers.clear()
        opened: list[Session] = []

        class Watching(ServerObserver):
            def session_opened(self, session: Session) -> None:
                opened.append(session)

        kind: Any = AsyncServer if flavour == "async" else Server
        mode = "asgi" if flavour == "async" else "threading"
        server = kind(async_mode=mode, client_manager=manager)
        server.observers.append(Watching())
        if flavour == "async":
            asyncio.run(self.stop_early_async(server))
        else:
            self.stop_early(server)
        assert not server.manager_initialized
        assert not server.eio.sessions
        assert not opened

    @staticmethod
    async def stop_early_async(server: Any) -> None:
        connecting = asyncio.ensure_future(AsyncTestClient(server).connect())
        while server.manager.health().state != "connecting":
            await asyncio.sleep(0)
        await server.shutdown()
        with pytest.raises(HTTPError, match="not ready"):
            await connecting

    def stop_early(self, server: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            connecting = pool.submit(TestClient(server).connect)
            wait_for(lambda: server.manager.health().state == "connecting", "an attempt to connect")
            server.shutdown()
            self.broker.answers.set()
            with pytest.raises(HTTPError, match="not ready"):
                connecting.result(20)

    def test_a_connection_that_managers_share_keeps_the_server_of_none_alive(
        self,
        flavour: Flavour,
        channel: str,
        create_node: Callable[..., Node],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def create() -> Any:
            logger = logging.getLogger("socketio")
            return self.create_manager(flavour, channel, write_only=True, logger=logger)

        def run(emit: Callable[..., Any], *args: Any) -> None:
            if flavour == "async":
                asyncio.run(emit(*args))
            else:
                emit(*args)

        client = create_node().client()
        other = create()
        monkeypatch.setattr(type(other), "connection_key", lambda manager: channel)
        kind: Any = AsyncServer if flavour == "async" else Server
        mode = "asgi" if flavour == "async" else "threading"
        server = kind(async_mode=mode, client_manager=create())
        run(server.emit, "n", 1)
        run(other.emit, "n", 2)
        assert [client.receive() for _ in range(2)] == [["n", 1], ["n", 2]]
        alive = weakref.ref(server)
        del server
        connections = self.broker.attempts
        gc.collect()
        assert alive() is None
        run(other.emit, "n", 3)
        assert client.receive() == ["n", 3]
        assert self.broker.attempts == connections == 2  # the node's, and the one that is shared
        run(other.close)

    def test_who_emits_while_receiving_does_not_wait_for_itself(
        self, create_node: Callable[..., Node]
    ) -> None:
        def prepare(manager: Any) -> None:
            manager.outbox_messages = 20

        node, other = create_node(prepare=prepare), create_node()
        client: ClusterClient = other.client()
        deliver = node.manager._deliver
        if node.flavour == "async":

            async def answer(message: Any) -> None:
                await deliver(message)
                for number in range(15):
                    await node.server.emit("n", number)

        else:

            def answer(message: Any) -> None:  # type: ignore[misc]  # the other flavour's
                deliver(message)
                for number in range(15):
                    node.server.emit("n", number)

        node.manager._deliver = answer
        other.emit("go")
        assert [client.receive() for _ in range(16)] == [
            ["go"],
            *(["n", each] for each in range(15)),
        ]
        assert node.manager.health().dropped == 0
