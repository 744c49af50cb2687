"""A refused login is an error at the start; a server that is away is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from brokers import RedisServer, answers, private, test_url

from socketio import AsyncRedisManager, RedisManager, exceptions


@pytest.fixture(scope="module")
def locked_redis(need) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer, password="right") as broker:
        yield broker


@pytest.mark.parametrize(
    ("login", "said"),
    [("", "Authentication required"), (":wrong-secret@", "invalid username-password pair")],
)
async def test_a_refused_login_fails_at_the_start(
    locked_redis: RedisServer, login: str, said: str
) -> None:
    url = f"redis://{login}127.0.0.1:{locked_redis.port}"
    asynchronous, synchronous = (
        AsyncRedisManager(url, write_only=True),
        RedisManager(url, write_only=True),
    )
    with pytest.raises(exceptions.ConnectionError, match=said) as raised:
        await asynchronous.start()
    assert "secret" not in str(raised.value)
    assert f"127.0.0.1:{locked_redis.port}" in str(raised.value)
    with pytest.raises(exceptions.ConnectionError, match=said) as raised:
        synchronous.start()
    assert "secret" not in str(raised.value)
    assert synchronous.health().state == asynchronous.health().state == "failed"
    with pytest.raises(exceptions.ConnectionError, match=said):
        await asynchronous.emit("x", 1)
    with pytest.raises(exceptions.ConnectionError, match=said):
        synchronous.emit("x", 1)
    await asynchronous.shutdown()
    synchronous.shutdown()


async def test_a_right_login_is_accepted(locked_redis: RedisServer) -> None:
    manager = AsyncRedisManager(f"redis://:right@127.0.0.1:{locked_redis.port}", write_only=True)
    await manager.start()
    assert manager.health().state == "connected"
    await manager.shutdown()


async def test_an_unknown_host_fails_at_the_start() -> None:
    manager = AsyncRedisManager("redis://no-such-host.invalid", write_only=True)
    with pytest.raises(exceptions.ConnectionError, match="no-such-host"):
        await manager.start()
    await manager.shutdown()


async def test_a_database_that_does_not_exist_fails_at_the_start(need) -> None:
    need("redis", answers("redis"), "make brokers")
    manager = AsyncRedisManager(test_url("redis").replace("/0", "/4711"), write_only=True)
    with pytest.raises(exceptions.ConnectionError, match="out of range"):
        await manager.start()
    await manager.shutdown()


async def test_a_server_that_is_away_is_no_error() -> None:
    manager = AsyncRedisManager("redis://127.0.0.1:1", write_only=True)
    await manager.start()
    await manager.emit("x", 1)
    health = manager.health()
    await manager.shutdown()
    assert (health.state, health.outbox_messages) == ("disconnected", 1)
    assert "Connect call failed" in (health.last_error or "")


async def test_the_unix_socket_works(need) -> None:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as broker:
        manager = AsyncRedisManager(broker.unix_url, write_only=True)
        await manager.emit("x", 1)
        assert manager.health().published == 1
        await manager.shutdown()
