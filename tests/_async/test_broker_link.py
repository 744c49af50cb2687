"""How the supervised link publishes and how it tries again; the rest is in the contracts."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from socketio import AsyncPubSubManager, PubSubManager
from socketio.abc.driver import BusDriver
from socketio.testing.contracts.cluster import wait_for


class Broker:
    """Takes batches of messages, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.attempts = 0
        self.batches: list[list[bytes]] = []
        self.taking = threading.Event()
        self.taking.set()

    def connect(self) -> None:
        self.attempts += 1
        if self.away:
            raise OSError("nobody is there")


class AsyncDriver(BusDriver):
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def connect(self, receive: bool) -> None:
        self._broker.connect()

    async def publish(self, messages: list[bytes]) -> None:
        self._broker.batches.append(messages)

    async def receive(self, timeout: float) -> list[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


class Driver(BusDriver):
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def connect(self, receive: bool) -> None:
        self._broker.connect()

    def publish(self, messages: list[bytes]) -> None:
        self._broker.batches.append(messages)
        self._broker.taking.wait(20)

    def receive(self, timeout: float) -> list[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        pass


class AsyncManager(AsyncPubSubManager):
    def __init__(self, broker: Broker) -> None:
        super().__init__(write_only=True)
        self.broker = broker

    def create_driver(self) -> BusDriver:
        return AsyncDriver(self.broker)


class Manager(PubSubManager):
    def __init__(self, broker: Broker) -> None:
        super().__init__(write_only=True)
        self.broker = broker

    def create_driver(self) -> BusDriver:
        return Driver(self.broker)


async def test_emits_of_one_loop_turn_travel_together() -> None:
    broker = Broker()
    manager = AsyncManager(broker)
    await manager.start()
    await asyncio.gather(*(manager.emit("n", number) for number in range(100)))
    assert [len(batch) for batch in broker.batches] == [100]
    await manager.shutdown()


def test_emits_of_threads_travel_together_while_the_broker_is_busy() -> None:
    broker = Broker()
    manager = Manager(broker)
    manager.start()
    broker.taking.clear()
    threads = [threading.Thread(target=manager.emit, args=("n", each)) for each in range(20)]
    threads[0].start()
    wait_for(lambda: broker.batches, "the first message under way")
    for thread in threads[1:]:
        thread.start()
    # The first one stays in the outbox until its publication is certain.
    wait_for(lambda: manager.health().outbox_messages == 20, "the other messages")
    broker.taking.set()
    for thread in threads:
        thread.join(20)
    assert [len(batch) for batch in broker.batches] == [1, 19]
    manager.shutdown()


async def test_attempts_are_further_and_further_apart() -> None:
    broker = Broker()
    broker.away = True
    manager = AsyncManager(broker)
    manager.reconnect_delay, manager.reconnect_delay_max = 1.0, 8.0
    await manager.start()
    assert manager.health().state == "disconnected"
    connection: Any = manager._last.link
    longest = [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    for failures, most in enumerate(longest, 1):
        delays = {connection._times.delay(failures) for _ in range(50)}
        assert len(delays) > 1, "processes that lost one broker must not all come back at once"
        assert most / 2 <= min(delays)
        assert max(delays) <= most
    assert broker.attempts == 1
    await manager.shutdown()


async def test_it_goes_on_until_the_broker_is_there() -> None:
    broker = Broker()
    broker.away = True
    manager = AsyncManager(broker)
    manager.reconnect_delay = manager.reconnect_delay_max = 0.01
    await manager.emit("n", 1)
    async with asyncio.timeout(20):
        while broker.attempts < 5:
            await asyncio.sleep(0.01)
        broker.away = False
        while not broker.batches:
            await asyncio.sleep(0.01)
    assert (len(broker.batches[0]), manager.health().state) == (1, "connected")
    await manager.shutdown()
