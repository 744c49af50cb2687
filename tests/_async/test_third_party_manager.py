"""A manager written for python-socketio, with `_publish` and `_listen`, passes the contract."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from socketio import AsyncPubSubManager, PubSubManager, Server
from socketio.testing.contracts import ManagerContract
from socketio.testing.contracts.cluster import wait_for


class Broker:
    """Hands each message to everyone who listens on its channel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, list[queue.Queue[Any]]] = {}

    def subscribe(self, channel: str) -> queue.Queue[Any]:
        messages: queue.Queue[Any] = queue.Queue()
        with self._lock:
            self._queues.setdefault(channel, []).append(messages)
        return messages

    def publish(self, channel: str, message: Any) -> None:
        with self._lock:
            for messages in self._queues.get(channel, []):
                messages.put(message)

    def listeners(self, channel: str) -> int:
        return len(self._queues.get(channel, []))


broker = Broker()


class QueueManager(PubSubManager):
    name = "queue"

    def initialize(self) -> None:
        listeners = broker.listeners(self.channel)
        super().initialize()
        wait_for(lambda: broker.listeners(self.channel) > listeners, "the listener")

    def _publish(self, data: dict[str, Any]) -> None:
        broker.publish(self.channel, self.json.dumps(data))

    def _listen(self) -> Iterator[Any]:
        messages = broker.subscribe(self.channel)
        while not self._closed:
            try:
                yield messages.get(timeout=0.05)
            except queue.Empty:
                continue


class AsyncQueueManager(AsyncPubSubManager):
    name = "asyncqueue"

    async def start(self) -> None:
        while broker.listeners(self.channel) < self.expected:
            await asyncio.sleep(0.01)

    def initialize(self) -> None:
        self.expected = broker.listeners(self.channel) + 1
        super().initialize()

    async def _publish(self, data: dict[str, Any]) -> None:
        broker.publish(self.channel, json.loads(self.json.dumps(data)))  # dicts will do, too

    async def _listen(self) -> AsyncIterator[Any]:
        messages = broker.subscribe(self.channel)
        while True:
            try:
                yield messages.get_nowait()
            except queue.Empty:
                await asyncio.sleep(0.005)


class TestThirdParty(ManagerContract):
    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        kind = AsyncQueueManager if flavour == "async" else QueueManager
        return kind(channel=channel, **options)


class Failing(AsyncQueueManager):
    """Its `_listen` raises, and ends, before it works."""

    calls = 0
    reconnect_delay = 0.01

    async def _listen(self) -> AsyncIterator[Any]:
        self.calls += 1
        if self.calls == 1:
            raise OSError("no queue today")
        if self.calls == 2:
            return
        async for message in super()._listen():
            yield message


class TestFailing(ManagerContract):
    flavours = ("async",)

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        return Failing(channel=channel, **options)

    # One test of the contract is enough to see that it listens in the end.
    def test_health_tells_what_went_wrong(self, nodes: Any) -> None:
        health = nodes[0].manager.health()
        assert (health.state, health.last_error) == ("connected", "it ended")
        texts = nodes[0].log.messages()
        assert any("no queue today" in text for text in texts)


async def test_a_manager_without_either_says_what_is_missing() -> None:
    manager = AsyncPubSubManager(write_only=True)
    with pytest.raises(NotImplementedError, match="create_driver"):
        await manager.emit("x", 1)


async def test_rooms_must_be_the_same_everywhere() -> None:
    manager = AsyncQueueManager(channel="rooms", write_only=True)
    with pytest.raises(TypeError, match="must be a str or an int"):
        await manager.emit("x", 1, room=object())


async def test_messages_that_a_subclass_publishes_itself_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="create_driver"):
        AsyncQueueManager(secret="secret")


def test_listening_that_ends_because_we_do_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(client_manager=QueueManager(channel="ends"), async_mode="threading")
    server.start()
    listening = server.manager._bus._task  # type: ignore[attr-defined]  # to wait for its end
    server.shutdown()
    listening.join(10)
    assert not listening.is_alive()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
