"""What every manager on RabbitMQ holds of its queue: what servers allow it to be, and its end."""

# ruff: noqa: D102  # a test's name is its documentation

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import kombu
import pytest

from socketio import exceptions
from socketio.testing.contracts.cluster import Flavour, Node, wait_for

from .amqp_gate import AMQPGate, home_node_is_down, without_transient_queues
from .shared import answers, test_url


class RabbitMQQueues:
    """Tests of a manager's queue; a subclass says which manager."""

    flavour: ClassVar[Flavour]

    def create_manager(self, url: str, channel: str) -> Any:
        """Return a manager of the driver that is tested."""
        raise NotImplementedError

    @pytest.fixture
    def url(self, need: Callable[..., None]) -> str:
        need("rabbitmq", answers("rabbitmq"), "make brokers")
        return test_url("rabbitmq")

    @pytest.fixture
    def create_node(self) -> Iterator[Callable[[str], Node]]:
        nodes: list[Node] = []
        channel = f"queues-{uuid.uuid4().hex}"

        def create(url: str) -> Node:
            nodes.append(Node(self.flavour, lambda: self.create_manager(url, channel)))
            wait_for(lambda: nodes[-1].manager.health().state == "connected", "the queue")
            return nodes[-1]

        yield create
        for node in nodes:
            node.stop()

    def test_a_server_without_transient_queues_is_served(
        self, url: str, create_node: Callable[[str], Node]
    ) -> None:
        """RabbitMQ 4.3 closes the connection with 541 for them."""
        with AMQPGate(urlsplit(url).port or 5672, without_transient_queues) as gate:
            node = create_node(gated(url, gate))
            client = node.client()
            create_node(url).emit("n", 1)
            assert client.receive() == ["n", 1]
            assert gate.declared
            assert not gate.refused
            node.stop()

    def test_a_queue_whose_node_is_away_is_done_without(
        self, url: str, create_node: Callable[[str], Node]
    ) -> None:
        with AMQPGate(urlsplit(url).port or 5672, home_node_is_down) as gate:
            node = create_node(gated(url, gate))
            client = node.client()
            create_node(url).emit("n", 1)
            assert client.receive() == ["n", 1]
            assert [each.exclusive for each in gate.declared] == [True]
            assert gate.refused
            node.stop()

    def test_a_server_that_gives_no_queue_has_refused_us(
        self, url: str, create_node: Callable[[str], Node]
    ) -> None:
        said = "INTERNAL_ERROR - not any more"
        with (
            AMQPGate(urlsplit(url).port or 5672, lambda declaration: (541, said)) as gate,
            pytest.raises(exceptions.ConnectionError, match=said),
        ):
            create_node(gated(url, gate))

    def test_a_queue_that_is_deleted_under_its_consumer_is_made_again_at_once(
        self, url: str, create_node: Callable[[str], Node]
    ) -> None:
        """RabbitMQ cancels a consumer whose queue somebody deletes, or moves to another node."""
        here, there = create_node(url), create_node(url)
        client = there.client()
        name = f"socketio.{there.manager.host_id}"
        for number in range(3):
            with kombu.Connection(url) as connection:
                connection.channel().queue_delete(name)
                wait_for_consumer(connection, name)
            here.emit("n", number)
            assert client.receive() == ["n", number]
        assert there.manager.health().reconnects == 0


def gated(url: str, gate: AMQPGate) -> str:
    """Return the URL of a broker behind a gate."""
    return url.replace(f":{urlsplit(url).port}", f":{gate.port}")


def wait_for_consumer(connection: kombu.Connection, name: str) -> None:
    """Wait until a queue has a consumer."""
    wait_for(lambda: _consumers(connection, name) == 1, "the queue's new consumer", 2.0)


def _consumers(connection: kombu.Connection, name: str) -> int:
    channel = connection.channel()
    try:
        consumers: int = channel.queue_declare(name, passive=True).consumer_count
    except connection.channel_errors:
        return 0  # it is not there yet
    channel.close()
    return consumers
