"""The Redis managers pass the contract of client managers, on every kind of Redis."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from socketio.testing.contracts import BrokerFaultContract, BusContract

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))
from brokers import FaultyBroker, RedisServer, faulty, test_url  # found through the line above


class RedisManagers:
    url: str

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        from socketio import AsyncRedisManager, RedisManager

        kind = AsyncRedisManager if flavour == "async" else RedisManager
        return kind(self.url, channel=channel, **options)


class TestSingle(RedisManagers, BusContract):
    url = test_url("redis")


@pytest.fixture(scope="module")
def faulty_redis() -> Iterator[FaultyBroker]:
    with faulty(RedisServer) as broker:
        yield broker


class TestSingleFaults(RedisManagers, BrokerFaultContract):
    @pytest.fixture
    def broker(self, faulty_redis: FaultyBroker) -> Iterator[FaultyBroker]:
        self.url = faulty_redis.url
        yield faulty_redis
        faulty_redis.mend()
