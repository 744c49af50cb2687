"""What the managers depend on is set by them; each class of the library gets what it knows."""

from __future__ import annotations

from typing import Any

import aiokafka
import kafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from socketio import AsyncKafkaManager, KafkaManager

GIVEN = {
    "acks": 0,
    "client_id": "me",
    "enable_auto_commit": True,
    "fetch_max_bytes": 1 << 20,
    "group_id": "g",
    "linger_ms": 500,
    "max_request_size": 1 << 21,
    "request_timeout_ms": 1,
    "value_deserializer": str,
    "value_serializer": str,
}


@pytest.mark.parametrize(
    ("manager", "producer", "consumer", "admin"),
    [
        (KafkaManager, kafka.KafkaProducer, kafka.KafkaConsumer, kafka.KafkaAdminClient),
        (
            AsyncKafkaManager,
            aiokafka.AIOKafkaProducer,
            aiokafka.AIOKafkaConsumer,
            AIOKafkaAdminClient,
        ),
    ],
    ids=["sync", "async"],
)
def test_our_options_win(manager: Any, producer: Any, consumer: Any, admin: Any) -> None:
    driver = manager(connection_options=GIVEN).create_driver()
    driver.timeout = 3.0
    both = {"client_id": "me", "request_timeout_ms": 3000, "bootstrap_servers": ["localhost:9092"]}
    writing = {"acks": "all", "linger_ms": 0, "max_request_size": 1 << 21}
    reading = {
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "fetch_max_bytes": 1 << 20,
        "fetch_max_wait_ms": 500,
        "fetch_min_bytes": 1,
    }
    for kind, own, others in (
        (producer, writing, reading),
        (consumer, reading, writing),
        (admin, {}, {**reading, **writing}),
    ):
        options = driver.options_of(kind)
        expected = {**both, **own}
        assert {name: options.get(name) for name in expected} == expected
        assert not options.keys() & (others.keys() | {"group_id"})
        assert not [name for name in options if "serializer" in name]


@pytest.mark.parametrize("manager", [KafkaManager, AsyncKafkaManager])
def test_an_unknown_option_is_refused_at_once(manager: Any) -> None:
    with pytest.raises(ValueError, match="'nonsense'"):
        manager(connection_options={"nonsense": 1})
