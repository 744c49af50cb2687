"""Our Redis managers and python-socketio's understand each other."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.mixed_cluster import MixedCluster

from socketio import AsyncRedisManager, RedisManager


@pytest.mark.peer
class TestAsyncWithAsync(MixedCluster):
    broker = "redis"
    flavour = "async"
    peer = ("async", "AsyncRedisManager")

    def create_manager(self, url: str, **options: Any) -> Any:
        return AsyncRedisManager(url, **options)


@pytest.mark.peer
class TestSyncWithSync(MixedCluster):
    broker = "redis"
    flavour = "sync"
    peer = ("sync", "RedisManager")

    def create_manager(self, url: str, **options: Any) -> Any:
        return RedisManager(url, **options)
