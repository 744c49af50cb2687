"""Wrong URLs and refused logins fail at the start, in RabbitMQ's own words."""

from __future__ import annotations

import re
import uuid

import kombu
import pytest
from brokers import answers, test_url

from socketio import AsyncAioPikaManager, exceptions


@pytest.mark.parametrize(
    ("url", "cause"),
    [("http://guest:secret@h", "'http'"), ("amqp://guest:secret@h:port", "port|understood")],
)
def test_wrong_urls_are_refused_at_once(url: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause) as raised:
        AsyncAioPikaManager(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("amqp://", "amqp://localhost"),
        ("amqps://:5671/other", "amqps://localhost:5671/other"),
        ("amqp://user:word@/", "amqp://user:word@localhost/"),
        ("amqp://broker.example", "amqp://broker.example"),
    ],
)
def test_a_url_without_a_host_means_this_machine(url: str, whole: str) -> None:
    assert AsyncAioPikaManager(url).url == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("guest:guest", "guest:secret"), "ACCESS_REFUSED"),
        ((r"//$", "/secret-host"), "vhost secret-host not found"),
    ],
)
async def test_refusals_fail_at_the_start(need, change: tuple[str, str], said: str) -> None:
    need("rabbitmq", answers("rabbitmq"), "make brokers")
    url = re.sub(*change, test_url("rabbitmq"))
    if url == test_url("rabbitmq"):
        pytest.fail(f"this test does not know how to spoil {url}")
    manager = AsyncAioPikaManager(url, write_only=True)
    with pytest.raises(exceptions.ConnectionError, match=said) as raised:
        await manager.start()
    assert "guest:secret" not in str(raised.value)
    assert manager.health().state == "failed"
    await manager.shutdown()
    assert manager.health().state == "closed"


async def test_another_kind_of_exchange_is_refused(need) -> None:
    need("rabbitmq", answers("rabbitmq"), "make brokers")
    channel = f"direct-{uuid.uuid4().hex}"
    with kombu.Connection(test_url("rabbitmq")) as connection:
        exchange = kombu.Exchange(channel, "direct", durable=False)(connection.channel())
        exchange.declare()
        manager = AsyncAioPikaManager(test_url("rabbitmq"), channel=channel, write_only=True)
        with pytest.raises(exceptions.ConnectionError, match="PRECONDITION_FAILED"):
            await manager.start()
        await manager.shutdown()
        exchange.delete()
