"""The queue of a process: what servers allow it to be, and what becomes of it when it goes."""

from __future__ import annotations

from typing import Any

from brokers.rabbitmq_queues import RabbitMQQueues

from socketio import AsyncAioPikaManager


class TestQueues(RabbitMQQueues):
    flavour = "async"

    def create_manager(self, url: str, channel: str) -> Any:
        return AsyncAioPikaManager(url, channel)
