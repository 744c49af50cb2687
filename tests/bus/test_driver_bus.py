"""Managers with a driver, on a broker in memory: what the contract says, and what brokers do."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import inspect
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

    @pytest.mark.parametrize("way", ["counted", "kept"])
    def test_a_worker_that_is_cut_off_in_use_is_not_late(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External], way: str
    ) -> None:
        """The servers are there: the broker says how many, or keeps what comes for them."""
        self.broker.counts, self.broker.keeps = way == "counted", way == "kept"
        client = create_node().client()
        outside = create_outside()
        for number in range(5):
            began = time.monotonic()
            outside.emit("n", number)
            assert client.receive() == ["n", number]
            assert time.monotonic() - began < 2
            self.broker.cut()

    def test_a_worker_waits_until_all_are_back_who_can_be_counted(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        def prepare(manager: Any) -> None:
            manager.reconnect_delay = manager.reconnect_delay_max = 1.0

        self.broker.counts = True
        clients = [create_node(prepare=prepare).client() for _ in range(3)]
        outside = create_outside()
        outside.emit("n", 0)
        for client in clients:
            assert client.receive() == ["n", 0]
        self.broker.cut(subscribers=True)
        outside.emit("n", 1)
        for client in clients:
            assert client.receive() == ["n", 1]
        health = outside.manager.health()
        assert (health.holds, health.held_since, health.reconnects) == (1, None, 1)

    def test_health_tells_since_when_what_was_kept_waits(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        client = create_node().client()
        outside = create_outside()
        outside.emit("n", 0)
        assert client.receive() == ["n", 0]
        before = time.time()
        self.broker.cut()
        sending = ThreadPoolExecutor(1)
        try:
            sent = sending.submit(outside.emit, "n", 1)
            health = wait_for(
                lambda: outside.manager.health().holds and outside.manager.health(), "a hold"
            )
            assert before <= health.held_since <= time.time()
            sent.result(20)
        finally:
            sending.shutdown()
        assert client.receive() == ["n", 1]
        assert outside.manager.health().held_since is None

    def test_what_takes_longer_than_the_timeout_leaves_in_pieces(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        """It was sent again for ever."""
        client = create_node().client()
        outside = create_outside()
        outside.manager.timeout = 0.3
        self.broker.seconds = lambda messages: sum(map(len, messages)) * 1e-6
        outside.run(self._emit_together, outside, 40, "x" * 20_000)
        outside.emit("last")
        assert sorted(event[1] for event in client.until("last", 30)) == list(range(40))
        assert outside.manager.health().dropped == 0

    def test_a_large_message_gets_the_time_that_it_needs(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        client = create_node().client()
        outside = create_outside()
        outside.manager.timeout = 0.2
        self.broker.seconds = lambda messages: sum(map(len, messages)) * 1e-6
        outside.emit("large", "x" * 600_000)
        outside.emit("last")
        assert [event[0] for event in client.until("last", 30)] == ["large"]

    def test_a_message_that_never_leaves_is_dropped_and_counted(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        client = create_node().client()
        outside = create_outside()
        outside.manager.timeout = 0.02
        outside.manager.others_timeout = 0.0
        before = time.time()
        self.broker.seconds = lambda messages: 60.0 if len(messages[0]) > 100_000 else 0.0
        outside.emit("large", "x" * 100_000)
        outside.emit("last")
        assert client.until("last", 30) == []
        health = outside.manager.health()
        assert (health.dropped, health.published) == (1, 1)
        assert before <= health.dropped_at <= time.time()

    def test_small_messages_that_a_broker_does_not_take_are_kept(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        """As RabbitMQ does for as long as its memory is full."""
        client = create_node().client()
        outside = create_outside()
        outside.manager.timeout = 0.01
        outside.manager.others_timeout = 0.0
        self.broker.seconds = lambda messages: 60.0
        outside.emit("n", 1)
        wait_for(lambda: outside.manager.health().reconnects > 6, "many attempts", 30)
        self.broker.seconds = lambda messages: 0.0
        assert client.receive() == ["n", 1]
        assert outside.manager.health().dropped == 0

    def test_nobody_waits_for_long_for_a_broker_that_takes_nothing(
        self, create_node: Callable[..., Node], create_outside: Callable[[], External]
    ) -> None:
        client = create_node().client()
        limited = create_outside()
        limited.manager.timeout, limited.manager.outbox_messages = 0.3, 10
        self.broker.seconds = lambda messages: 60.0 if b'"event":"n"' in messages[0] else 0.0
        began = time.monotonic()
        limited.run(self._emit_together, limited, 30, "x")
        assert time.monotonic() - began < 8
        health = limited.manager.health()
        assert (health.outbox_messages, health.dropped) == (10, 20)
        self.broker.seconds = lambda messages: 0.0
        wait_for(lambda: not limited.manager.health().outbox_messages, "an empty outbox", 20)
        limited.emit("last")
        assert len(client.until("last", 20)) == 10

    @staticmethod
    def _emit_together(outside: External, count: int, data: str) -> Any:
        """Emit so much that it travels together."""
        emit = outside.manager.emit
        if not inspect.iscoroutinefunction(emit):
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(lambda number: emit("n", (number, data)), range(count)))
            return None

        async def emit_all() -> None:
            await asyncio.gather(*(emit("n", (number, data)) for number in range(count)))

        return emit_all()

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
