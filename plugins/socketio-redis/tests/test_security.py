"""Logins and TLS, with real servers that want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from brokers import RedisSentinel, RedisServer, private
from brokers.certificates import Certificate, issue
from brokers.exchange import FLAVOURS, exchange

from socketio import AsyncRedisManager, RedisManager, exceptions

pytestmark = pytest.mark.xdist_group("secure-redis")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def redis(need, certificate: Certificate) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    worker = "worker on >p@ss resetchannels &socketio-* &exchange-* -@all +@pubsub +@connection"
    with private(RedisServer, password="right", users=[worker], certificate=certificate) as broker:
        yield broker


@pytest.fixture(scope="module")
def sentinel(need, certificate: Certificate) -> Iterator[RedisSentinel]:
    need("redis", not RedisSentinel.missing(), "make brokers")
    with private(RedisSentinel, password="right", certificate=certificate) as broker:
        yield broker


def creator(flavour: str, url: str, **redis_options: Any) -> Callable[..., Any]:
    kind = AsyncRedisManager if flavour == "async" else RedisManager
    return lambda **options: kind(url, redis_options=redis_options, **options)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls(flavour: Any, redis: RedisServer, certificate: Certificate, scheme: str) -> None:
    url = f"{scheme}://:right@127.0.0.1:{redis.tls_port}/0"
    exchange(flavour, creator(flavour, url, ssl_ca_certs=str(certificate.authority)))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_tls_to_the_nodes_of_a_cluster(
    flavour: Any, redis: RedisServer, certificate: Certificate
) -> None:
    url = f"rediss+cluster://:right@127.0.0.1:{redis.tls_port}"
    manager = creator(flavour, url, ssl_ca_certs=str(certificate.authority))
    # One server is no cluster: that it says so shows that it was reached.
    with pytest.raises(exceptions.ConnectionError, match="cluster support disabled"):
        exchange(flavour, manager)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_certificate_that_nobody_trusts_fails_at_the_start(
    flavour: Any, redis: RedisServer
) -> None:
    manager = creator(flavour, f"rediss://:right@127.0.0.1:{redis.tls_port}/0")
    with pytest.raises(exceptions.ConnectionError, match="certificate verify failed"):
        exchange(flavour, manager)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_user_with_few_rights(flavour: Any, redis: RedisServer) -> None:
    exchange(flavour, creator(flavour, f"redis://worker:p%40ss@127.0.0.1:{redis.port}"))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_channel_that_the_user_may_not_use_fails_at_the_start(
    flavour: Any, redis: RedisServer
) -> None:
    create = creator(flavour, f"redis://worker:p%40ss@127.0.0.1:{redis.port}")
    with pytest.raises(exceptions.ConnectionError, match="channel") as raised:
        exchange(flavour, lambda channel: create(channel="others"))
    assert "p%40ss" not in str(raised.value)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_sentinel_with_a_login(
    flavour: Any, sentinel: RedisSentinel, certificate: Certificate
) -> None:
    # The master that these clients are sent to speaks TLS, as its sentinel here does not.
    options = {"ssl": True, "ssl_ca_certs": str(certificate.authority)}
    url = f"redis+sentinel://:right@127.0.0.1:{sentinel.sentinel_port}/0/{sentinel.service}"
    login = {"password": "right", "ssl": False}
    exchange(flavour, creator(flavour, url, sentinel_kwargs=login, **options))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_sentinel_by_tls(flavour: Any, sentinel: RedisSentinel, certificate: Certificate) -> None:
    url = f"rediss+sentinel://:right@127.0.0.1:{sentinel.tls_port}/0/{sentinel.service}"
    options = {"ssl_ca_certs": str(certificate.authority), "sentinel_kwargs": {"password": "right"}}
    exchange(flavour, creator(flavour, url, **options))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_sentinel_that_refuses_fails_at_the_start(flavour: Any, sentinel: RedisSentinel) -> None:
    url = f"redis+sentinel://:right@127.0.0.1:{sentinel.sentinel_port}/0/{sentinel.service}"
    with pytest.raises(exceptions.ConnectionError, match="Authentication required"):
        exchange(flavour, creator(flavour, url))
