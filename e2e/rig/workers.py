"""A server of several workers as a process, and clients that hear which of them says what."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from brokers import RedisServer, private

import socketio
from socketio.testing.contracts.cluster import wait_for

HERE = Path(__file__).parent.parent / "workers"


@contextmanager
def several_workers(
    command: Sequence[str], log: Path, number: int, greeting: str, **environment: str
) -> Iterator[None]:
    """Run a server beside a Redis of its own, until SIGTERM; it logs no traceback.

    Args:
        command: What starts it.
        log: Where to keep its output.
        number: How many workers there are to be.
        greeting: What each of them writes when it begins.
        environment: More variables of its environment.
    """
    with private(RedisServer) as broker, log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=HERE,
            env={
                **os.environ,
                "WORKERS_REDIS": broker.url,
                "WORKERS_CHANNEL": uuid.uuid4().hex,
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: log.read_text().count(greeting) == number, "all workers", 60)
            yield
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def check_that_all_hear_all_once(url: str, number: int, events: Iterable[str]) -> None:
    """Let a client of each worker have events shouted, and count who hears them.

    Args:
        url: The server's.
        number: How many clients there are to be.
        events: Names of events that make a server emit `shouted` with what they carry.
    """
    heard: queue.Queue[tuple[int, Any]] = queue.Queue()
    clients: list[socketio.Client] = []
    try:
        for client_number in range(number):
            client = socketio.Client()
            client.on("shouted", lambda data, number=client_number: heard.put((number, data)))
            client.connect(url, transports=["websocket"], wait_timeout=30)
            clients.append(client)
        workers = [client.call("who", timeout=30) for client in clients]
        speakers = {worker: speaker for speaker, worker in enumerate(workers)}
        assert len(speakers) > 1, "one worker serves all clients"
        for event in events:
            for speaker in speakers.values():
                clients[speaker].emit(event, f"{event} {speaker}")
            expected = sorted(
                (each, f"{event} {speaker}")
                for each in range(number)
                for speaker in speakers.values()
            )
            assert sorted(heard.get(timeout=30) for _ in expected) == expected
        for client in clients:
            client.call("who", timeout=30)  # what came twice has come by now
        assert heard.empty()
    finally:
        for client in clients:
            client.disconnect()
