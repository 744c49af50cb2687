"""Wrong URLs and topics fail at the start, in Kafka's own words."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from brokers import answers, test_url
from kafka.errors import KafkaError

from socketio import AsyncKafkaManager, KafkaManager, exceptions
from socketio_kafka.servers import parse_urls


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://", ["localhost:9092"]),
        ("kafka://h", ["h:9092"]),
        ("kafka://h:1,g:2", ["h:1", "g:2"]),
        (["kafka://h:1", "kafka://g:2"], ["h:1", "g:2"]),
    ],
)
def test_urls(url: Any, servers: list[str]) -> None:
    assert parse_urls(url) == (servers, {})


def test_a_login_in_the_url() -> None:
    _, options = parse_urls("kafka://user:p%40ss@h:1")
    assert options["sasl_plain_username"] == "user"
    assert options["sasl_plain_password"] == "p@ss"


@pytest.mark.parametrize("manager", [KafkaManager, AsyncKafkaManager])
@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://h", "'http'"),
        ("h:9092", "without ://"),
        ("kafka://u:secret@h:port", "port"),
        ("kafka://u:secret@:1", "no host"),
        ("kafka://u:secret@h?group_id=secret", "'group_id'"),
        ("kafka://u:secret@h:1/?acks=0", "'acks'"),
        ("kafka://u:secret@h/topic", "path"),
        ([], "no Kafka URL"),
    ],
)
def test_wrong_urls_are_refused_at_once(manager: Any, url: Any, cause: str) -> None:
    with pytest.raises(ValueError, match=cause) as raised:
        manager(url)
    assert "secret" not in str(raised.value)


async def test_a_topic_that_cannot_be_fails_at_the_start(need) -> None:
    need("kafka", answers("kafka"), "make brokers")
    asynchronous = AsyncKafkaManager(test_url("kafka"), channel="not a topic", write_only=True)
    with pytest.raises(exceptions.ConnectionError, match="INVALID_TOPIC"):
        await asynchronous.start()
    await asynchronous.shutdown()
    synchronous = KafkaManager(test_url("kafka"), channel="not a topic", write_only=True)
    with pytest.raises(exceptions.ConnectionError, match="not a topic"):
        synchronous.start()
    synchronous.shutdown()


def test_a_broker_that_is_away_leaves_no_sockets_open() -> None:
    driver = KafkaManager("kafka://127.0.0.1:1").create_driver()
    driver.timeout = 0.5
    with pytest.raises(KafkaError):
        driver.connect(False)
    driver.close()
    gc.collect()  # warns of every socket that was forgotten, which is an error here
