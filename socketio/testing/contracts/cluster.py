"""Several servers in one process, each with clients that need no network.

The tests that use it are plain functions: a server of the asyncio flavour has an event loop in a
thread of its own, one of the synchronous flavour is called directly.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal

from ...protocol.packets import DISCONNECT, Packet
from ..memory import BaseTestClient, MemoryTransport, ThreadedMemoryTransport

Flavour = Literal["async", "sync"]

DEADLINE = 15.0
"""Seconds after which what was expected counts as not happening."""

_fences = itertools.count(1)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Wait until a condition holds, and return its value.

    Raises:
        AssertionError: It did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.01)


class RecordingHandler(logging.Handler):
    """Keeps log records, from whatever thread."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    def messages(self, level: int = logging.NOTSET) -> list[str]:
        """Return the messages of at least a level."""
        return [each.getMessage() for each in self.records if each.levelno >= level]


class NodeLoop:
    """An event loop that runs in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="node-loop")
        self._thread.start()

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function in the loop, wait for what it returns, and return that."""

        async def call() -> Any:
            result = function(*args, **kwargs)
            return await result if hasattr(result, "__await__") else result

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(4 * DEADLINE)

    def close(self) -> None:
        """Cancel what still runs and end the thread."""
        self.run(self._cancel_all)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class ClusterClient(BaseTestClient):
    """A client of one node; what it gets is fetched from any thread.

    Attributes:
        sid: Its id in the namespace.
        disconnected: Set when the server has disconnected it.
    """

    def __init__(self, node: Node, namespace: str) -> None:
        super().__init__(node.server)
        self.node = node
        self.namespace = namespace
        self.sid = ""
        self.disconnected = threading.Event()

    def connect(self) -> None:
        """Connect, and wait for the server's consent."""
        self.sid = self.node.run(self._open).result(DEADLINE)

    def _open(self) -> Any:
        waits = self.node.flavour == "async"
        session = self._create_session(MemoryTransport if waits else ThreadedMemoryTransport)
        opened = self.server.eio.open(session)
        if not waits:
            return self._join(self.namespace, None)

        async def join() -> Any:
            await opened
            return self._join(self.namespace, None)

        return join()

    def receive(self, timeout: float = DEADLINE) -> Any:
        """Return the next event as `[name, *args]`."""
        return self._queue(self.namespace).get(timeout=timeout)

    def until(self, name: str, timeout: float = DEADLINE) -> list[list[Any]]:
        """Return the events before the one of this name, and fetch that one too."""
        events: list[list[Any]] = []
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self.receive(max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"no event {name!r} within {timeout:g} s, but {events!r:.1000}; the node has "
                    f"logged {self.node.log.messages()}"
                ) from None
            if event[0] == name:
                return events
            events.append(event)

    def leave_at(self, event: str) -> None:
        """Leave the namespace instead of answering an event."""

        def leave(*args: Any) -> Any:
            self.node.later(self._send, DISCONNECT, None, self.namespace)
            return NotImplemented

        self.on(event, leave, self.namespace)

    def _create_future(self) -> Future[Any]:
        return Future()

    def _create_queue(self) -> queue.Queue[list[Any]]:
        return queue.Queue()

    def _handle(self, handler: Callable[..., Any], packet: Packet, namespace: str) -> None:
        if packet.id is not None:
            result = handler(*packet.data[1:])
            if result is not NotImplemented:
                self.node.later(self._answer, packet, namespace, result)

    def _dispatch(self, packet: Packet, namespace: str) -> None:
        super()._dispatch(packet, namespace)
        if packet.packet_type == DISCONNECT:
            self.disconnected.set()


class ManagerPlace:
    """Where a manager lives: in an event loop of its own, or in the threads that use it."""

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self._loop = NodeLoop() if flavour == "async" else None

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function, or a coroutine function, there."""
        if self._loop is not None:
            return self._loop.run(function, *args, **kwargs)
        return function(*args, **kwargs)

    def close(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.close()


class Node(ManagerPlace):
    """One server with its manager.

    Args:
        flavour: Of the server and the manager.
        manager: The manager.
        **options: Further arguments of the server.

    Attributes:
        disconnects: `(sid, reason)` of the clients whose disconnect handler has run.
        log: What the server and the manager have logged.
    """

    def __init__(self, flavour: Flavour, create_manager: Callable[[], Any], **options: Any) -> None:
        super().__init__(flavour)
        self.disconnects: list[tuple[str, str]] = []
        self.log = RecordingHandler()
        # A real client's answers come from elsewhere, not from within the server's call.
        self._later = ThreadPoolExecutor(1) if flavour == "sync" else None
        self._stopped = False
        self.server: Any = self.run(self._create, create_manager, options)
        self.manager: Any = self.server.manager
        try:
            self.run(self.server.start)
        except BaseException:
            self.stop()
            raise

    def _create(self, create_manager: Callable[[], Any], options: dict[str, Any]) -> Any:
        from ... import AsyncServer, Server

        manager = create_manager()
        logger = logging.Logger("node")  # noqa: LOG001  # its own, whatever logging is set up
        logger.addHandler(self.log)
        options = {"namespaces": "*", "client_manager": manager, "logger": logger, **options}
        server: Any = AsyncServer if self.flavour == "async" else Server
        server = server(async_mode="asgi" if self.flavour == "async" else "threading", **options)
        server.on("disconnect", self._note_disconnect, namespace="*")
        return server

    def _note_disconnect(self, namespace: str, sid: str, reason: str) -> None:
        self.disconnects.append((sid, reason))

    def renew_threads(self) -> None:
        """Have what runs the clients of a node anew, in a forked child."""
        if self.flavour == "async":
            self._loop = NodeLoop()
        else:
            self._later = ThreadPoolExecutor(1)

    def later(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function soon, not from within what runs now."""
        if self._loop is not None:
            self._loop.loop.call_soon_threadsafe(function, *args)
        elif self._later is not None:
            self._later.submit(function, *args)

    def stall(self, seconds: float) -> None:
        """Keep this node from acting on messages for a while."""
        if self._loop is not None:
            self._loop.loop.call_soon_threadsafe(time.sleep, seconds)
            return
        manager = self.server.manager
        deliver = manager.deliver_event
        until = time.monotonic() + seconds

        def slowly(*args: Any, **kwargs: Any) -> None:
            time.sleep(max(0, until - time.monotonic()))
            deliver(*args, **kwargs)

        manager.deliver_event = slowly

    def client(self, namespace: str = "/") -> ClusterClient:
        """Return a new client, connected."""
        client = ClusterClient(self, namespace)
        client.connect()
        return client

    def emit(self, event: str, data: Any = None, **kwargs: Any) -> None:
        """Emit from this node's server."""
        self.run(self.server.emit, event, data, **kwargs)

    def call(self, event: str, data: Any = None, **kwargs: Any) -> Any:
        """Call a client from this node's server."""
        return self.run(self.server.call, event, data, **kwargs)

    def fence(self, clients: list[ClusterClient]) -> list[list[list[Any]]]:
        """Emit an event to everyone, and return what each client got before it.

        Messages of one node arrive in their order: what it has emitted before has arrived then,
        or never will.
        """
        name = f"fence-{next(_fences)}"
        for namespace in {client.namespace for client in clients}:
            self.emit(name, namespace=namespace)
        return [client.until(name) for client in clients]

    def stop(self) -> None:
        """Stop the server."""
        if self._stopped:
            return
        self._stopped = True
        server = getattr(self, "server", None)
        if server is not None:
            self.run(server.shutdown)
        self.close()
        if self._later is not None:
            self._later.shutdown()


class External(ManagerPlace):
    """A process without a server, with a manager that only writes."""

    def __init__(self, flavour: Flavour, create_manager: Callable[[], Any]) -> None:
        super().__init__(flavour)
        self.manager = self.run(create_manager)

    def emit(self, event: str, data: Any = None, **kwargs: Any) -> None:
        """Emit without a server."""
        self.run(self.manager.emit, event, data, **kwargs)

    def stop(self) -> None:
        """Release the manager's connection."""
        self.run(self.manager.shutdown)
        self.close()
