"""A broker in memory for tests of managers with a driver, in both flavours."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from socketio import AsyncPubSubManager, PubSubManager
from socketio.abc.driver import BusDriver


class Refusal(Exception):
    """The broker does not want us."""


class Broker:
    """Hands each message to every driver that is subscribed to its channel.

    Attributes:
        refuses: Whether who connects is refused.
        answers: Cleared while who connects gets no answer.
        attempts: How often somebody has connected.
        idle: The drivers whose connection for publishing was closed because nothing was said.
        seconds: Returns how long the broker takes with what is published together.
        counts: Whether it tells how many are subscribed.
        keeps: Whether a subscription outlives its connection.
    """

    def __init__(self) -> None:
        self.refuses = False
        self.answers = threading.Event()
        self.answers.set()
        self.attempts = 0
        self.idle: set[Driver] = set()
        self.seconds: Callable[[list[bytes]], float] = lambda messages: 0.0
        self.counts = self.keeps = False
        self._lock = threading.Lock()
        self._drivers: list[Driver] = []

    def connect(self, driver: Driver) -> None:
        self.attempts += 1
        if self.refuses:
            raise Refusal("no entry")
        with self._lock:
            self._drivers.append(driver)

    def close_idle(self) -> None:
        """Close every connection for publishing; who publishes next learns of it."""
        with self._lock:
            self.idle.update(self._drivers)

    def publish(self, driver: Driver, messages: list[bytes]) -> None:
        if driver in self.idle:
            raise ConnectionResetError("closed, it was idle")
        with self._lock:
            for each in self._drivers:
                if each.subscribed and each.channel == driver.channel:
                    for message in messages:
                        each.inbox.put(message)
            driver.reached = self.count(driver.channel) if self.counts else None

    def count(self, channel: str) -> int:
        return sum(each.subscribed and each.channel == channel for each in self._drivers)

    def cut(self, subscribers: bool = False) -> None:
        """Close connections: those that only write, or all."""
        with self._lock:
            for each in list(self._drivers):
                if subscribers or not each.subscribed:
                    self._drivers.remove(each)
                    self.idle.add(each)

    def close(self, driver: Driver) -> None:
        with self._lock:
            if driver in self._drivers:
                self._drivers.remove(driver)


class Driver(BusDriver):
    def __init__(self, broker: Broker, channel: str) -> None:
        self.broker = broker
        self.channel = channel
        self.counts_subscribers, self.keeps_subscriptions = broker.counts, broker.keeps
        self.subscribed = False
        self.inbox: queue.Queue[bytes] = queue.Queue()

    def connect(self, receive: bool) -> Any:
        if not self.broker.answers.wait(self.timeout):
            raise TimeoutError("no answer")
        self.subscribed = receive
        self.broker.connect(self)

    def publish(self, messages: list[bytes]) -> Any:
        seconds = self.broker.seconds(messages)
        time.sleep(min(seconds, self.timeout))
        if seconds > self.timeout:
            raise TimeoutError("not all was taken")
        self.broker.publish(self, messages)

    def subscribers(self) -> Any:
        return self.broker.count(self.channel)

    def receive(self, timeout: float) -> Any:
        if self in self.broker.idle and self not in self.broker._drivers:
            raise ConnectionResetError("closed")
        try:
            messages = [self.inbox.get(timeout=timeout)]
        except queue.Empty:
            return []
        return messages + self.waiting()

    def waiting(self) -> list[bytes]:
        messages = []
        while not self.inbox.empty():
            messages.append(self.inbox.get())
        return messages

    def close(self) -> Any:
        self.broker.close(self)

    def is_permanent(self, error: BaseException) -> bool:
        return isinstance(error, Refusal)


class AsyncDriver(Driver):
    async def connect(self, receive: bool) -> None:
        while not self.broker.answers.is_set():
            await asyncio.sleep(0.005)
        self.subscribed = receive
        self.broker.connect(self)

    async def publish(self, messages: list[bytes]) -> None:
        await asyncio.sleep(self.broker.seconds(messages))
        self.broker.publish(self, messages)

    async def subscribers(self) -> int:
        return self.broker.count(self.channel)

    async def receive(self, timeout: float) -> list[bytes]:
        if self in self.broker.idle and self not in self.broker._drivers:
            raise ConnectionResetError("closed")
        until = time.monotonic() + timeout
        while time.monotonic() < until and self.inbox.empty():
            await asyncio.sleep(0.002)
        return self.waiting()

    async def close(self) -> None:
        self.broker.close(self)


class MemoryBusManager(PubSubManager):
    name = "memorybus"

    def __init__(self, broker: Broker, **options: Any) -> None:
        self.broker = broker
        super().__init__(**options)

    def create_driver(self) -> BusDriver:
        return Driver(self.broker, self.channel)


class AsyncMemoryBusManager(AsyncPubSubManager):
    name = "asyncmemorybus"

    def __init__(self, broker: Broker, **options: Any) -> None:
        self.broker = broker
        super().__init__(**options)

    def create_driver(self) -> BusDriver:
        return AsyncDriver(self.broker, self.channel)


def create_manager(broker: Broker, flavour: str, channel: str, **options: Any) -> Any:
    kind = AsyncMemoryBusManager if flavour == "async" else MemoryBusManager
    return kind(broker, channel=channel, **options)
