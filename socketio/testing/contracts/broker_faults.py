"""What managers do when their broker stops, falls silent or comes back."""

# ruff: noqa: D102  # a test's name is its documentation

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

import pytest

from .cluster import External, Flavour, Node, wait_for
from .manager_suite import ManagerSuite


class FaultyBroker(Protocol):
    """A broker of the test's own, with a relay before it."""

    def start(self) -> None:
        """Start it again, and wait until it answers."""

    def stop(self) -> None:
        """Stop it."""

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""

    def resume(self) -> None:
        """Let it go on."""

    def cut(self) -> None:
        """Reset all connections to it."""

    def refuse(self) -> None:
        """Reset all connections to it, and new ones."""

    def silence(self) -> None:
        """Carry nothing from or to it any more; connections stay open."""

    def restore(self) -> None:
        """End `silence` and `refuse`."""


class BrokerFaultContract(ManagerSuite):
    """Tests for managers whose broker the tests may break.

    A subclass supplies `create_manager`, whose managers connect to the broker of the fixture
    `broker`, which it supplies too. The tests of one class break the same broker, one after
    another.
    """

    timeout: ClassVar[float] = 1.0
    """Seconds after which the broker counts as away, here."""

    library_reconnects: ClassVar[bool] = False
    """Whether the client library makes a cut connection again before the manager notices."""

    patience: ClassVar[float] = 30.0
    """Seconds that a manager may take to be connected again."""

    @pytest.fixture
    def broker(self) -> Iterator[FaultyBroker]:
        """The broker; running, when a test begins."""
        raise NotImplementedError

    def hurry(self, manager: Any) -> None:
        """Make a manager impatient, so that the tests need not be patient."""
        manager.timeout = self.timeout
        manager.probe_interval = self.timeout / 2
        manager.probe_timeout = self.timeout
        manager.reconnect_delay = 0.05
        manager.reconnect_delay_max = 0.5
        manager.others_timeout = 8.0

    @pytest.fixture
    def nodes(self, broker: FaultyBroker, create_node: Callable[..., Node]) -> list[Node]:
        """Two servers that share their clients."""
        nodes = [create_node(prepare=self.hurry), create_node(prepare=self.hurry)]
        for node in nodes:
            self.wait_for_state(node, "connected")
        for node in nodes:
            # Who was never heard of is not waited for after an outage.
            health = node.manager.health
            wait_for(lambda health=health: health().others, "the other server", self.patience)  # type: ignore[misc]  # mypy cannot type a default
        return nodes

    def wait_for_state(self, node: Any, *states: str) -> None:
        """Wait until a manager is in one of these states."""
        try:
            wait_for(
                lambda: node.manager.health().state in states,
                f"a manager that is {' or '.join(states)}",
                self.patience,
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {node.manager.health()}") from None

    def settle(self, nodes: list[Any]) -> None:
        """Wait until the managers are connected, and what they kept is with the broker."""
        for node in nodes:
            self.wait_for_state(node, "connected")
        for node in nodes:
            wait_for(
                lambda node=node: node.manager.health().outbox_messages == 0,  # type: ignore[misc]  # mypy cannot type a default
                "an empty outbox",
                self.patience,
            )

    def numbers(self, sender: Node, receiver: Any) -> list[int]:
        """Return the numbers that a client got before everything settled."""
        (events,) = sender.fence([receiver])
        return [event[1] for event in events if event[0] == "n"]

    def test_an_outage_loses_and_repeats_nothing_that_was_kept(
        self, broker: FaultyBroker, nodes: list[Node]
    ) -> None:
        client = nodes[1].client()
        for number in range(50):
            nodes[0].emit("n", number)
        before = self.numbers(nodes[0], client)
        assert before == list(range(50))
        broker.stop()
        for number in range(50, 250):
            nodes[0].emit("n", number)
        for node in nodes:
            self.wait_for_state(node, "disconnected")
        health = nodes[0].manager.health()
        assert health.outbox_messages >= 200
        assert health.last_error
        # Clients are served, and what is emitted is kept: no reason to send them elsewhere.
        assert all(node.server.ready() for node in nodes)
        broker.start()
        self.settle(nodes)
        for number in range(250, 300):
            nodes[0].emit("n", number)
        assert self.numbers(nodes[0], client) == list(range(50, 300))
        texts = nodes[0].log.messages(logging.INFO)
        assert any("has no connection" in text for text in texts)
        assert any("connected to" in text for text in texts)
        assert nodes[0].manager.health().reconnects >= 1
        assert nodes[0].manager.health().dropped == 0

    def test_what_the_outbox_cannot_hold_is_counted(
        self, broker: FaultyBroker, create_node: Callable[..., Node]
    ) -> None:
        def prepare(manager: Any) -> None:
            self.hurry(manager)
            manager.outbox_messages = 20

        sender, receiver = create_node(prepare=prepare), create_node(prepare=self.hurry)
        client = receiver.client()
        assert self.numbers(sender, client) == []
        broker.stop()
        self.wait_for_state(sender, "disconnected")
        kept = sender.manager.health().outbox_messages
        for number in range(50):
            sender.emit("n", number)
        health = sender.manager.health()
        assert (health.outbox_messages, health.dropped) == (20, 30 + kept)
        broker.start()
        self.settle([sender, receiver])
        assert self.numbers(sender, client) == list(range(20 - kept))

    def test_a_cut_connection_is_made_again(self, broker: FaultyBroker, nodes: list[Node]) -> None:
        client = nodes[1].client()
        for number in range(20):
            nodes[0].emit("n", number)
        first = self.numbers(nodes[0], client)
        broker.cut()
        for node in () if self.library_reconnects else nodes:
            wait_for(
                lambda node=node: node.manager.health().reconnects,  # type: ignore[misc]  # mypy cannot type a default
                "a new connection",
                self.patience,
            )
        self.settle(nodes)
        for number in range(20, 40):
            nodes[0].emit("n", number)
        assert first + self.numbers(nodes[0], client) == list(range(40))

    def test_what_is_emitted_while_everyone_is_cut_off_arrives(
        self, broker: FaultyBroker, nodes: list[Node]
    ) -> None:
        client = nodes[1].client()
        assert self.numbers(nodes[0], client) == []
        broker.refuse()
        for node in nodes:
            self.wait_for_state(node, "disconnected")
        for number in range(30):
            nodes[0].emit("n", number)
        broker.restore()
        self.settle(nodes)
        assert self.numbers(nodes[0], client) == list(range(30))

    @pytest.mark.parametrize("way", ["paused", "silent"])
    def test_silence_is_noticed(self, broker: FaultyBroker, nodes: list[Node], way: str) -> None:
        client = nodes[1].client()
        assert self.numbers(nodes[0], client) == []
        (broker.pause if way == "paused" else broker.silence)()
        try:
            for node in nodes:
                self.wait_for_state(node, "disconnected")
                assert node.manager.health().last_error
            for number in range(30):
                nodes[0].emit("n", number)
        finally:
            (broker.resume if way == "paused" else broker.restore)()
        self.settle(nodes)
        assert self.numbers(nodes[0], client) == list(range(30))

    def test_clients_are_served_while_the_broker_is_away(
        self, broker: FaultyBroker, nodes: list[Node]
    ) -> None:
        client, other = nodes[0].client(), nodes[0].client()
        client.on("ask", lambda: "yes")
        broker.stop()
        try:
            self.wait_for_state(nodes[0], "disconnected")
            assert nodes[0].call("ask", to=client.sid, timeout=10) == "yes"
            nodes[0].emit("x", 1)
            nodes[0].emit("y", 1, to=other.sid)
            assert nodes[0].fence([client, other]) == [[["ask"], ["x", 1]], [["x", 1], ["y", 1]]]
        finally:
            broker.start()

    def test_a_server_starts_before_its_broker(
        self, broker: FaultyBroker, create_node: Callable[..., Node]
    ) -> None:
        broker.stop()
        try:
            nodes = [create_node(prepare=self.hurry), create_node(prepare=self.hurry)]
            client = nodes[1].client()
            assert nodes[0].manager.health().state in ("connecting", "disconnected")
        finally:
            broker.start()
        self.settle(nodes)
        nodes[0].emit("n", 1)
        assert self.numbers(nodes[0], client) == [1]

    def test_a_process_without_a_server_keeps_what_it_emits(
        self, flavour: Flavour, channel: str, broker: FaultyBroker, nodes: list[Node]
    ) -> None:
        client = nodes[1].client()

        def create() -> Any:
            manager = self.create_manager(flavour, channel, write_only=True)
            self.hurry(manager)
            return manager

        outside = External(flavour, create)
        try:
            outside.emit("n", 0)
            assert client.receive() == ["n", 0]
            broker.stop()
            try:
                for number in range(1, 20):
                    outside.emit("n", number)
                assert outside.manager.health().state == "disconnected"
            finally:
                broker.start()
            self.settle(nodes)
            self.settle([outside])
            outside.emit("last")
            assert client.until("last", self.patience) == [["n", number] for number in range(1, 20)]
        finally:
            outside.stop()

    def test_a_server_stops_while_its_broker_is_away(
        self, broker: FaultyBroker, nodes: list[Node]
    ) -> None:
        nodes[0].client()
        broker.stop()
        try:
            self.wait_for_state(nodes[0], "disconnected")
            began = time.monotonic()
            nodes[0].stop()
            assert time.monotonic() - began < 5
        finally:
            broker.start()
