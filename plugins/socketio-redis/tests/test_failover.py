"""No writer and no reader stays with a primary that is none any more, or with a lost node."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from brokers import Link, RedisCluster, RedisFailover, RedisServer, private
from brokers.redis_brokers import command

from socketio import AsyncRedisManager, RedisManager
from socketio.testing.contracts.cluster import ClusterClient, External, Flavour, Node, wait_for

pytestmark = pytest.mark.heavy  # each has brokers of its own, and waits until they agree

MANAGERS: dict[Flavour, Any] = {"async": AsyncRedisManager, "sync": RedisManager}
Create = Callable[[str], list[Any]]


@pytest.fixture(params=MANAGERS)
def create(request: pytest.FixtureRequest) -> Iterator[Create]:
    """Make two servers and a worker, connected."""
    flavour: Flavour = request.param
    channel = uuid.uuid4().hex
    made: list[Any] = []

    def manager(url: str, **options: Any) -> Any:
        manager = MANAGERS[flavour](url, channel, **options)
        manager.probe_interval = manager.probe_timeout = 1.0
        manager.reconnect_delay_max = 0.5
        return manager

    def create(url: str) -> list[Any]:
        for _ in range(2):
            made.append(Node(flavour, lambda: manager(url)))
        made.append(External(flavour, lambda: manager(url, write_only=True)))
        made[2].emit("warm", 0)
        for node in made[:2]:
            wait_for(lambda node=node: node.manager.health().others == 1, "the other server")  # type: ignore[misc]  # mypy cannot type a default
        return made

    yield create
    for each in made:
        each.stop()


def subscribers(port: int, node: Node) -> int:
    """Return how many a Redis server says are subscribed to a node's channel."""
    said = command(port, "PUBSUB", "NUMSUB", node.manager.channel)
    return int(said.rpartition(":")[2])


def all_are_heard(here: Node, there: Node, outside: External, clients: list[ClusterClient]) -> None:
    """See that what each of them emits from now on arrives everywhere, within some seconds."""
    number = 0
    deadline = time.monotonic() + 20
    missing = {(emitter, client) for emitter in range(3) for client in range(2)}
    while missing:
        number += 1
        for index, each in enumerate((here, there, outside)):
            each.emit("n", [index, number])
        time.sleep(0.1)  # the pace of the emits
        for index, client in enumerate(clients):
            with contextlib.suppress(queue.Empty):
                while True:
                    name, *args = client.receive(0.001)
                    if name == "n":
                        missing.discard((args[0][0], index))
        assert time.monotonic() < deadline, f"{missing} are not heard"


@pytest.mark.parametrize("untold", [False, True], ids=["told", "untold"])
def test_a_sentinels_failover(create: Create, need: Any, untold: bool) -> None:
    need("redis", not RedisFailover.missing(), "make brokers")
    with private(RedisFailover, untold=untold) as broker:
        here, there, outside = create(broker.url)
        clients = [here.client(), there.client()]
        broker.fail_over()
        wait_for(
            lambda: subscribers(broker.replica_port, here) == 2,
            "two subscribers of the new primary",
            20,
        )
        all_are_heard(here, there, outside, clients)
        assert subscribers(broker.port, here) == 0
        # The worker too: its messages come from the new primary.
        assert outside.manager.health().reconnects >= 1


def test_a_name_that_means_another_server_after_a_failover(create: Create, need: Any) -> None:
    """So it is with the hosted Redis of clouds; the connections to the old primary stay open."""
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as old, private(RedisServer) as new:
        link = Link(old.port)
        try:
            here, there, outside = create(f"redis://127.0.0.1:{link.port}")
            clients = [here.client(), there.client()]
            link.target_port = new.port
            assert command(old.port, "REPLICAOF", "127.0.0.1", str(new.port)).startswith("+OK")
            wait_for(
                lambda: subscribers(new.port, here) == 2,
                "two subscribers of the new primary",
                20,
            )
            all_are_heard(here, there, outside, clients)
            assert outside.manager.health().reconnects >= 1
        finally:
            link.close()


def test_a_node_that_its_cluster_has_lost(create: Create, need: Any) -> None:
    need("redis", not RedisCluster.missing(), "make brokers")
    with private(RedisCluster) as broker:
        hosts = ",".join(f"127.0.0.1:{port}" for port in broker.ports)
        here, there, outside = create(f"redis+cluster://{hosts}")
        clients = [here.client(), there.client()]
        lost, *others = broker.ports
        first = command(lost, "CLUSTER", "MYID").split("\r\n")[1]
        for port in others:  # its slots go to another node, and it is forgotten
            command(port, "CLUSTER", "FORGET", first)
            command(port, "CLUSTER", "ADDSLOTSRANGE", "0", "5461")
        assert command(lost, "CLUSTER", "RESET").startswith("+OK")
        wait_for(
            lambda: subscribers(lost, here) == 0,
            "nobody stays with the lost node",
            20,
        )
        all_are_heard(here, there, outside, clients)
