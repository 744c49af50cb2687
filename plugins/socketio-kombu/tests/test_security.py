"""TLS, and messages that are too large, with a real RabbitMQ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from brokers import RabbitMQBroker, private
from brokers.certificates import Certificate, issue
from brokers.exchange import exchange

from socketio import KombuManager, exceptions

MAX_MESSAGE_SIZE = 500_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def rabbitmq(need, certificate: Certificate) -> Iterator[RabbitMQBroker]:
    need("rabbitmq", not RabbitMQBroker.missing(), "make brokers")
    with private(
        RabbitMQBroker, certificate=certificate, max_message_size=MAX_MESSAGE_SIZE
    ) as broker:
        yield broker


def creator(rabbitmq: RabbitMQBroker, **tls: Any) -> Callable[..., KombuManager]:
    url = f"amqps://guest:guest@127.0.0.1:{rabbitmq.tls_port}//"
    return lambda **options: KombuManager(url, connection_options={"ssl": tls}, **options)


@pytest.mark.xdist_group("secure-rabbitmq-kombu")
def test_tls(rabbitmq: RabbitMQBroker, certificate: Certificate) -> None:
    trusted = {"ca_certs": str(certificate.authority), "server_hostname": "localhost"}
    exchange("sync", creator(rabbitmq, **trusted))


@pytest.mark.xdist_group("secure-rabbitmq-kombu")
def test_a_certificate_that_nobody_trusts_fails_at_the_start(rabbitmq: RabbitMQBroker) -> None:
    with pytest.raises(exceptions.ConnectionError, match="certificate verify failed"):
        exchange("sync", creator(rabbitmq, server_hostname="localhost"))


@pytest.mark.xdist_group("secure-rabbitmq-kombu")
def test_a_message_that_rabbitmq_refuses_is_counted(rabbitmq: RabbitMQBroker) -> None:
    manager = KombuManager(rabbitmq.url, write_only=True)
    manager.start()
    for data in ("first", "x" * MAX_MESSAGE_SIZE, "second", "y" * MAX_MESSAGE_SIZE, "third"):
        manager.emit("event", data)
    manager.shutdown()
    health = manager.health()
    assert (health.published, health.dropped, health.outbox_messages) == (3, 2, 0)
    assert health.reconnects == 0
