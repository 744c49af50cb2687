"""The aio-pika manager passes the contract of client managers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from brokers import FaultyBroker, RabbitMQBroker, answers, faulty, test_url

from socketio.testing.contracts import BrokerFaultContract, BusContract


class Managers:
    url: str
    flavours = ("async",)

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        from socketio import AsyncAioPikaManager

        return AsyncAioPikaManager(self.url, channel=channel, **options)


class TestAiopika(Managers, BusContract):
    @pytest.fixture(autouse=True)
    def needed_broker(self, need: Any) -> None:
        need("rabbitmq", answers("rabbitmq"), "make brokers")
        self.url = test_url("rabbitmq")


@pytest.fixture(scope="module")
def faulty_broker(need: Any) -> Iterator[FaultyBroker]:
    missing = RabbitMQBroker.missing()
    need("rabbitmq", not missing, f"make brokers (missing: {', '.join(missing)})")
    with faulty(RabbitMQBroker) as broker:
        yield broker


@pytest.mark.heavy  # minutes of waiting for an outage to be noticed
@pytest.mark.xdist_group("faulty-rabbitmq-aiopika")
class TestAiopikaFaults(Managers, BrokerFaultContract):
    @pytest.fixture
    def broker(self, faulty_broker: FaultyBroker) -> Iterator[FaultyBroker]:
        self.url = faulty_broker.url
        yield faulty_broker
        faulty_broker.mend()
