"""A Redis that closes idle connections is a healthy one: what is emitted next is not late."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from brokers import RedisServer, private
from brokers.redis_brokers import command

from socketio import AsyncRedisManager, RedisManager
from socketio.testing.contracts.cluster import External, Flavour, Node, wait_for

MANAGERS: dict[Flavour, Any] = {"async": AsyncRedisManager, "sync": RedisManager}


@pytest.mark.heavy  # Redis closes what was idle for a second, some seconds later
@pytest.mark.parametrize("flavour", MANAGERS)
def test_an_emit_after_an_idle_time_is_not_late(flavour: Flavour, need: Any) -> None:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as broker:
        assert command(broker.port, "CONFIG", "SET", "timeout", "1").startswith("+OK")
        channel = uuid.uuid4().hex

        def create(**options: Any) -> Any:
            manager = MANAGERS[flavour](broker.url, channel, **options)
            manager.probe_interval = 60.0  # nothing of ours keeps a connection busy
            return manager

        nodes = [Node(flavour, create) for _ in range(2)]
        outside = External(flavour, lambda: create(write_only=True))
        try:
            client = nodes[1].client()
            outside.emit("n", 0)
            nodes[0].emit("n", 1)
            assert sorted(client.receive()[1] for _ in range(2)) == [0, 1]

            def writers() -> int:
                listed = command(broker.port, "CLIENT", "LIST", "TYPE", "normal")
                return listed.count("cmd=") - 1  # but the one that asks

            wait_for(lambda: writers() == 0, "closed connections", 20)
            for emitter in (outside, nodes[0]):
                began = time.monotonic()
                emitter.emit("n", 2)
                assert client.receive() == ["n", 2]
                assert time.monotonic() - began < 2  # a second, and a busy machine
        finally:
            for each in (*nodes, outside):
                each.stop()
