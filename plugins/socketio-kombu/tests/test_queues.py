"""The queue of a process: what servers allow it to be, and what becomes of it when it goes."""

from __future__ import annotations

from typing import Any

from brokers.rabbitmq_queues import RabbitMQQueues

from socketio import KombuManager


class TestQueues(RabbitMQQueues):
    flavour = "sync"

    def create_manager(self, url: str, channel: str) -> Any:
        return KombuManager(url, channel)
