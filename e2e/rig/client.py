"""Clients of both flavours behind one face, so that a test is written once."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import socketio
from rig.process import DEADLINE

FLAVOURS = ("sync", "async")


class LoopThread:
    """An event loop in a thread, for the asyncio flavour."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self) -> None:
        """End what is left in the loop, and the loop."""
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        # Connections of other threads that were accepted in the last moment end here.
        self.loop.run_until_complete(self._cancel_all())
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # closed transports report so in the loop's next turns


class Record:
    """Events in the order in which their handlers began."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self._news = threading.Condition()

    def add(self, *entry: Any) -> None:
        """Note an event."""
        with self._news:
            self.entries.append(entry)
            self._news.notify_all()

    def all(self, event: str) -> list[tuple[Any, ...]]:
        """Return the arguments of each event of a name so far."""
        with self._news:
            return [entry[1:] for entry in self.entries if entry[0] == event]

    def wait(self, event: str, count: int = 1, deadline: float = DEADLINE) -> tuple[Any, ...]:
        """Return the arguments of the ``count``-th event of a name, waiting for it."""
        end = time.monotonic() + deadline
        with self._news:
            while True:
                found = [entry[1:] for entry in self.entries if entry[0] == event]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"no {count}. {event!r} in {deadline} s; seen: {self.entries[-10:]}"
                    )
                self._news.wait(left)


class FlavouredClient:
    """A client whose methods block, whatever its flavour.

    Args:
        flavour: ``sync`` or ``async``.
        loop: Where a client of the asyncio flavour runs.
        simple: Whether it is a ``SimpleClient``.
        **kwargs: Arguments of the client.
    """

    def __init__(
        self, flavour: str, loop: LoopThread, *, simple: bool = False, **kwargs: Any
    ) -> None:
        self.flavour = flavour
        self.loop = loop
        self.record = Record()
        name = ("Async" if flavour == "async" else "") + ("Simple" if simple else "") + "Client"
        self.client: Any = getattr(socketio, name)(**kwargs)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        if self.flavour == "sync" or not callable(value) or name in ("on", "event"):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            async def run() -> Any:
                result = value(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

            return self.loop.run(run())

        return call

    def connect(self, *args: Any, **kwargs: Any) -> None:
        """Connect, with more patience than the default on a machine that is busy testing."""
        self.__getattr__("connect")(*args, **{"wait_timeout": DEADLINE, **kwargs})

    def listen(
        self,
        *events: str,
        namespace: str | None = None,
        answer: Callable[..., Any] | None = None,
    ) -> None:
        """Note events in the record; ``answer`` makes what goes back as the ack."""
        for event in events:
            self.client.on(event, self._handler(event, answer), namespace=namespace)

    def _handler(self, event: str, answer: Callable[..., Any] | None) -> Callable[..., Any]:
        if event == "connect":

            def on_connect() -> None:
                self.record.add("connect")

            return on_connect

        def on_event(*args: Any) -> Any:
            self.record.add(event, *args)
            return answer(*args) if answer is not None else None

        return on_event
