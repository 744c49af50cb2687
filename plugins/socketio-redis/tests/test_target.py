"""What Redis URLs mean, and which ones are refused."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from socketio import AsyncRedisManager, AsyncServer, RedisManager, Server
from socketio_redis.target import Target, parse_redis_sentinel_url, parse_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("redis://", Target("", "redis://")),
        ("redis://u:p@h:1/2", Target("", "redis://u:p@h:1/2")),
        ("rediss://h", Target("", "rediss://h")),
        ("valkey://h:1", Target("", "redis://h:1")),
        ("valkeys://h:1", Target("", "rediss://h:1")),
        ("unix:///run/redis.sock?db=1", Target("", "unix:///run/redis.sock?db=1")),
        (
            "redis+sentinel://u:p%40@h1:1,h2/3/main",
            Target(
                "sentinel",
                "",
                (("h1", 1), ("h2", 26379)),
                "main",
                {"username": "u", "password": "p@", "db": 3},
            ),
        ),
        (
            "valkeys+sentinel://h:1",
            Target("sentinel", "", (("h", 1),), None, {"ssl": True}),
        ),
        (
            "redis+cluster://:p@h1:1,h2:2",
            Target("cluster", "redis://:p@{host}:{port}/", (("h1", 1), ("h2", 2))),
        ),
    ],
)
def test_urls(url: str, target: Target) -> None:
    assert parse_url(url) == target


def test_each_attempt_takes_the_next_node_of_a_cluster() -> None:
    urls = parse_url("redis+cluster://h1:1,h2:2").urls()
    assert list(islice(urls, 3)) == ["redis://h1:1/", "redis://h2:2/", "redis://h1:1/"]


def test_sentinel_urls_as_python_socketio_parses_them() -> None:
    url = "redis+sentinel://user:pw@host1:1234,host2:2345/0/myredis"
    assert parse_redis_sentinel_url(url) == (
        [("host1", 1234), ("host2", 2345)],
        "myredis",
        {"username": "user", "password": "pw", "db": 0},
    )
    with pytest.raises(ValueError, match="Sentinel"):
        parse_redis_sentinel_url("redis://host")


@pytest.mark.parametrize("manager", [RedisManager, AsyncRedisManager])
@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://h", "'http' is no scheme"),
        ("localhost:6379", "without ://"),
        ("redis://:secret@h:port", "port"),
        ("redis://:secret@h:99999", "port"),
        ("redis://:secret@h/db", "database"),
        ("redis+sentinel://:secret@h:x/0", "port"),
        ("redis+sentinel://:secret@,h:1/0", "empty host"),
        ("redis+sentinel://:secret@h:1/zero/s", "database"),
        ("unix://", "path of the socket"),
    ],
)
def test_wrong_urls_are_refused_at_once(manager: Any, url: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause) as raised:
        manager(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "redis+sentinel", "redis+cluster"])
def test_servers_choose_by_url(scheme: str) -> None:
    assert type(Server(client_manager=f"{scheme}://h:1").manager) is RedisManager
    assert type(AsyncServer(client_manager=f"{scheme}://h:1").manager) is AsyncRedisManager
