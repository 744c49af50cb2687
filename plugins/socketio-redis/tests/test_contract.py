"""The Redis managers pass the contract of client managers, on every kind of Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from brokers import (
    Broker,
    FaultyBroker,
    RedisCluster,
    RedisSentinel,
    RedisServer,
    answers,
    faulty,
    test_url,
)

from socketio.testing.contracts import BrokerFaultContract, BusContract


class RedisManagers:
    url: str

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        from socketio import AsyncRedisManager, RedisManager

        kind = AsyncRedisManager if flavour == "async" else RedisManager
        return kind(self.url, channel=channel, **options)


class OnSharedBroker(RedisManagers, BusContract):
    broker: str

    @pytest.fixture(autouse=True)
    def needed_broker(self, need: Any) -> None:
        need(self.broker, answers(self.broker), "make brokers")
        self.url = test_url(self.broker)


class TestSingle(OnSharedBroker):
    broker = "redis"


@pytest.mark.heavy  # what it does not share with the single server is where it connects
class TestSentinel(OnSharedBroker):
    broker = "redis-sentinel"


@pytest.mark.heavy  # what it does not share with the single server is where it connects
class TestCluster(OnSharedBroker):
    broker = "redis-cluster"


def faulty_broker(kind: type[Broker], need: Any) -> Iterator[FaultyBroker]:
    missing = kind.missing()
    need(kind.name, not missing, f"make brokers (missing: {', '.join(missing)})")
    with faulty(kind) as broker:
        yield broker


@pytest.fixture(scope="module")
def faulty_single(need: Any) -> Iterator[FaultyBroker]:
    yield from faulty_broker(RedisServer, need)


@pytest.fixture(scope="module")
def faulty_sentinel(need: Any) -> Iterator[FaultyBroker]:
    yield from faulty_broker(RedisSentinel, need)


@pytest.fixture(scope="module")
def faulty_cluster(need: Any) -> Iterator[FaultyBroker]:
    yield from faulty_broker(RedisCluster, need)


class OnFaultyBroker(RedisManagers, BrokerFaultContract):
    fixture: str

    @pytest.fixture
    def broker(self, request: pytest.FixtureRequest) -> Iterator[FaultyBroker]:
        broker: FaultyBroker = request.getfixturevalue(self.fixture)
        self.url = broker.url
        yield broker
        broker.mend()


@pytest.mark.xdist_group("faulty-redis")
class TestSingleFaults(OnFaultyBroker):
    fixture = "faulty_single"


@pytest.mark.heavy  # minutes of waiting for an outage to be noticed
@pytest.mark.xdist_group("faulty-redis-sentinel")
class TestSentinelFaults(OnFaultyBroker):
    fixture = "faulty_sentinel"


@pytest.mark.heavy  # minutes of waiting for an outage to be noticed
@pytest.mark.xdist_group("faulty-redis-cluster")
class TestClusterFaults(OnFaultyBroker):
    fixture = "faulty_cluster"
