"""Logins and TLS, with a real Kafka that wants them."""

from __future__ import annotations

import gc
import logging
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from brokers import KafkaBroker, private
from brokers.certificates import Certificate, issue
from brokers.exchange import FLAVOURS, exchange
from brokers.kafka_broker import USER

from socketio import AsyncKafkaManager, KafkaManager, exceptions

pytestmark = pytest.mark.xdist_group("secure-kafka")

LOGIN = ":".join(map(quote, USER))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def kafka(need, certificate: Certificate) -> Iterator[KafkaBroker]:
    missing = KafkaBroker.missing()
    need("kafka", not missing, f"make brokers (missing: {', '.join(missing)})")
    with private(KafkaBroker, certificate=certificate) as broker:
        yield broker


def creator(flavour: str, login: str, port: int, **connection: Any) -> Callable[..., Any]:
    kind = AsyncKafkaManager if flavour == "async" else KafkaManager
    url = f"kafka://{login}@127.0.0.1:{port}"
    return lambda **options: kind(url, connection_options=connection, **options)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_login(flavour: Any, kafka: KafkaBroker) -> None:
    exchange(flavour, creator(flavour, LOGIN, kafka.login_port))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_wrong_login_fails_at_the_start(flavour: Any, kafka: KafkaBroker) -> None:
    create = creator(flavour, f"{USER[0]}:secret", kafka.login_port)
    with pytest.raises(exceptions.ConnectionError, match="Invalid username or password") as raised:
        exchange(flavour, create)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_login_by_tls(flavour: Any, kafka: KafkaBroker, certificate: Certificate) -> None:
    context = ssl.create_default_context(cafile=str(certificate.authority))
    secure = {"security_protocol": "SASL_SSL", "ssl_context": context}
    exchange(flavour, creator(flavour, LOGIN, kafka.tls_port, **secure))


# kafka-python forgets the socket of a TLS handshake that fails.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_certificate_that_nobody_trusts_fails_at_the_start(
    flavour: Any, kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "kafka")  # its records would keep the socket
    secure = {"security_protocol": "SASL_SSL", "ssl_context": ssl.create_default_context()}
    with pytest.raises(exceptions.ConnectionError, match="certificate verify failed"):
        exchange(flavour, creator(flavour, LOGIN, kafka.tls_port, **secure))
    gc.collect()  # now, while the filter above holds
