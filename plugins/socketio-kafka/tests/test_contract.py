"""The Kafka managers pass the contract of client managers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from brokers import FaultyBroker, KafkaBroker, answers, faulty, test_url

from socketio.testing.contracts import BrokerFaultContract, BusContract


class Managers:
    url: str
    flavours = ("async", "sync")

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        from socketio import AsyncKafkaManager, KafkaManager

        kind = AsyncKafkaManager if flavour == "async" else KafkaManager
        return kind(self.url, channel=channel, **options)


class TestKafka(Managers, BusContract):
    @pytest.fixture(autouse=True)
    def needed_broker(self, need: Any) -> None:
        need("kafka", answers("kafka"), "make brokers")
        self.url = test_url("kafka")


@pytest.fixture(scope="module")
def faulty_broker(need: Any) -> Iterator[FaultyBroker]:
    missing = KafkaBroker.missing()
    need("kafka", not missing, f"make brokers (missing: {', '.join(missing)})")
    with faulty(KafkaBroker) as broker:
        yield broker


@pytest.mark.heavy  # minutes of waiting for an outage to be noticed
@pytest.mark.xdist_group("faulty-kafka-kafka")
class TestKafkaFaults(Managers, BrokerFaultContract):
    # Kafka is slower to answer than the others, and its client libraries to notice.
    timeout = 3.0
    library_reconnects = True
    patience = 60.0

    @pytest.fixture
    def broker(self, faulty_broker: FaultyBroker) -> Iterator[FaultyBroker]:
        self.url = faulty_broker.url
        yield faulty_broker
        faulty_broker.mend()
