"""Our Kombu manager and python-socketio's RabbitMQ managers understand each other."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.mixed_cluster import MixedCluster

from socketio import KombuManager


class Ours(MixedCluster):
    broker = "rabbitmq"
    flavour = "sync"

    def create_manager(self, url: str, **options: Any) -> Any:
        return KombuManager(url, **options)


@pytest.mark.peer
class TestWithKombu(Ours):
    peer = ("sync", "KombuManager")


@pytest.mark.peer
class TestWithAioPika(Ours):
    peer = ("async", "AsyncAioPikaManager")
