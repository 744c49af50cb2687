"""Our aio-pika manager and python-socketio's RabbitMQ managers understand each other."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.mixed_cluster import MixedCluster

from socketio import AsyncAioPikaManager


class Ours(MixedCluster):
    broker = "rabbitmq"
    flavour = "async"

    def create_manager(self, url: str, **options: Any) -> Any:
        return AsyncAioPikaManager(url, **options)


@pytest.mark.peer
class TestWithKombu(Ours):
    peer = ("sync", "KombuManager")


@pytest.mark.peer
class TestWithAioPika(Ours):
    peer = ("async", "AsyncAioPikaManager")
