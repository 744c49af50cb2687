"""gunicorn's workers, forked after the application was loaded and its server started."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import RedisServer, private
from brokers.process import free_port

import socketio
from socketio.testing.contracts.cluster import wait_for

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("workers")]

HERE = Path(__file__).parent
CLIENTS = 16


@pytest.fixture
def url(need: Any, tmp_path: Path) -> Iterator[str]:
    """Four workers of gunicorn's, behind one port."""
    need("redis", not RedisServer.missing(), "make brokers")
    port = free_port()
    log = tmp_path / "log"
    with private(RedisServer) as broker, log.open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--preload", "--workers=4", "--threads=50"),
                *("--worker-class=gthread", f"--bind=127.0.0.1:{port}", "preloaded:app"),
            ],
            cwd=HERE,
            env={**os.environ, "WORKERS_REDIS": broker.url, "WORKERS_CHANNEL": uuid.uuid4().hex},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: log.read_text().count("Booting worker") == 4, "four workers", 60)
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def test_workers_and_their_children_are_heard_once(url: str) -> None:
    heard: queue.Queue[tuple[int, Any]] = queue.Queue()
    clients: list[socketio.Client] = []
    try:
        for number in range(CLIENTS):
            client = socketio.Client()
            client.on("shouted", lambda data, number=number: heard.put((number, data)))
            client.connect(url, transports=["websocket"], wait_timeout=30)
            clients.append(client)
        workers = [client.call("who", timeout=30) for client in clients]
        assert len(set(workers)) > 1, "one worker serves all clients"
        speakers = {worker: number for number, worker in enumerate(workers)}
        # Also what a child emits of a worker that serves clients, whose connections stay whole.
        for event in ("shout", "fork_and_shout", "shout"):
            for number in speakers.values():
                clients[number].emit(event, number)
            expected = sorted(
                (each, number) for each in range(CLIENTS) for number in speakers.values()
            )
            assert sorted(heard.get(timeout=30) for _ in expected) == expected
        for client in clients:
            client.call("who", timeout=30)  # what came twice has come by now
        assert heard.empty()
    finally:
        for client in clients:
            client.disconnect()
