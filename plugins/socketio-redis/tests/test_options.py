"""What the managers depend on is set by them, whatever the URL and redis-py's defaults say."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from brokers import answers, test_url
from redis import asyncio as async_redis
from redis import connection as sync_redis

from socketio import AsyncRedisManager, RedisManager
from socketio.testing.contracts.cluster import Flavour, Node, wait_for

QUERY = (
    "decode_responses=True&protocol=3&max_connections=1&socket_timeout=0.5&encoding=utf-16"
    "&retry_on_timeout=yes&health_check_interval=1&socket_connect_timeout=0.001"
)
GIVEN = {
    "decode_responses": True,
    "protocol": 3,
    "max_connections": 1,
    "socket_timeout": 0.5,
    "encoding": "utf-16",
    "retry_on_timeout": True,
    "retry_on_error": [ValueError],
    "health_check_interval": 1,
    "socket_connect_timeout": 0.001,
}
URLS = {
    "single": "redis://h/1?",
    "tls": "rediss://h?",
    "unix": "unix:///run/redis.sock?",
    "cluster": "redis+cluster://h:1,i:2?",
    "sentinel": "redis+sentinel://h:1/0/main?",
}
MANAGERS: dict[Flavour, Any] = {"async": AsyncRedisManager, "sync": RedisManager}


@pytest.mark.parametrize("place", ["query", "argument"])
@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
@pytest.mark.parametrize("flavour", MANAGERS)
def test_our_options_win(flavour: Flavour, url: str, place: str) -> None:
    if place == "query":
        manager = MANAGERS[flavour](url + QUERY)
    else:
        manager = MANAGERS[flavour](url, redis_options=GIVEN)
    driver = manager.create_driver()
    driver.timeout = 3.0
    pool = driver.create_client().connection_pool
    connections = [pool.make_connection(), pool.make_connection()]
    for connection in connections:
        options = {
            "timeout": None if flavour == "async" else 3.0,
            "connect_timeout": 3.0,
            "protocol": 2,
            "decode": False,
            "encoding": "utf-8",
            "retries": 0,
            "retried": False,
            "health": 0,
        }
        if url.startswith("unix"):
            del options["timeout"]  # the oldest redis-py forgets it on its way
        found = {
            "timeout": connection.socket_timeout,
            "connect_timeout": connection.socket_connect_timeout,
            "protocol": int(connection.protocol),
            "decode": connection.encoder.decode_responses,
            "encoding": connection.encoder.encoding,
            "retries": connection.retry._retries,
            "retried": connection.retry_on_timeout,
            "health": connection.health_check_interval,
        }
        assert {name: found[name] for name in options} == options


@pytest.mark.parametrize("flavour", MANAGERS)
def test_sentinels_are_asked_with_our_options(flavour: Flavour) -> None:
    manager = MANAGERS[flavour](
        "redis+sentinel://h:1/0/main?socket_timeout=0.5",
        redis_options={"sentinel_kwargs": {"socket_timeout": 0.1, "password": "p"}},
    )
    driver = manager.create_driver()
    driver.create_client()
    options = driver._sentinels[0].connection_pool.connection_kwargs
    assert options["socket_timeout"] == (None if flavour == "async" else driver.timeout)
    assert (options["protocol"], options["password"]) == (2, "p")


@pytest.mark.parametrize("flavour", MANAGERS)
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://h?nonsense=1", {}),
        ("redis+cluster://h:1?nonsense=1", {}),
        ("redis+sentinel://h:1/0/m?nonsense=1", {}),
        ("redis://h", {"nonsense": 1}),
    ],
)
def test_an_unknown_option_is_refused_at_once(
    flavour: Flavour, url: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        MANAGERS[flavour](url, redis_options=options)


@pytest.mark.parametrize("flavour", MANAGERS)
@pytest.mark.parametrize("name", ["cache_config", "connection_pool", "host"])
def test_what_would_take_the_connections_away_is_refused(flavour: Flavour, name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        MANAGERS[flavour]("redis://h", redis_options={name: object()})
    with pytest.raises(ValueError, match=f"'{name}'"):
        MANAGERS[flavour](f"redis://h?{name}=x")


def _make_default_short(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    """Have redis-py give sockets a timeout of a moment unless it is told another one."""
    create: Any = inspect.unwrap(kind.__init__)  # type: ignore[misc]  # of this very class
    if create.__kwdefaults__:
        monkeypatch.setitem(create.__kwdefaults__, "socket_timeout", 0.3)
        return
    names = list(inspect.signature(create).parameters)[-len(create.__defaults__) :]
    place = names.index("socket_timeout")
    defaults = (*create.__defaults__[:place], 0.3, *create.__defaults__[place + 1 :])
    monkeypatch.setattr(create, "__defaults__", defaults)


@pytest.fixture
def pair(flavour: Flavour, need: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Node]]:
    need("redis", answers("redis"), "make brokers")
    _make_default_short(monkeypatch, async_redis.connection.AbstractConnection)
    _make_default_short(monkeypatch, sync_redis.AbstractConnection)
    channel = uuid.uuid4().hex

    def create() -> Any:
        manager = MANAGERS[flavour](f"{test_url('redis')}?socket_timeout=0.3", channel)
        manager.probe_interval = 60.0  # nothing of ours ends the quiet
        return manager

    nodes = [Node(flavour, create), Node(flavour, create)]
    yield nodes
    for node in nodes:
        node.stop()


@pytest.mark.parametrize("flavour", MANAGERS)
def test_a_quiet_time_longer_than_the_librarys_timeout(
    pair: list[Node], flavour: Flavour, quiet: Callable[[float], None]
) -> None:
    client = pair[1].client()
    healths = [node.manager.health for node in pair]
    wait_for(lambda: all(health().others for health in healths), "both have heard each other")
    for number in range(3):
        quiet(0.7)
        pair[0].emit("n", number)
    assert pair[0].fence([client]) == [[["n", 0], ["n", 1], ["n", 2]]]
    assert [node.manager.health().reconnects for node in pair] == [0, 0]


@pytest.fixture
def quiet() -> Callable[[float], None]:
    """Let time pass in which nothing happens: that is what is tested."""
    import time

    return time.sleep
