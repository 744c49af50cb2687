"""uWSGI's workers, forked after the application was loaded, or before (`lazy-apps`)."""

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
UWSGI = Path(sys.executable).with_name("uwsgi")
CLIENTS = 12


@pytest.fixture(params=[(), ("--lazy-apps",)], ids=["forked", "lazy-apps"])
def url(request: pytest.FixtureRequest, need: Any, tmp_path: Path) -> Iterator[str]:
    """Three workers of uWSGI's with gevent, behind one port."""
    need("redis", not RedisServer.missing(), "make brokers")
    need("uwsgi", UWSGI.exists(), "make uwsgi")
    port = free_port()
    log = tmp_path / "log"
    with private(RedisServer) as broker, log.open("w") as output:
        process = subprocess.Popen(
            [
                *(str(UWSGI), "--http", f"127.0.0.1:{port}", "--http-websockets", "--master"),
                *("--gevent", "6", "--gevent-early-monkey-patch", "--processes", "3"),
                *("--add-header", "Connection: close", "--die-on-term", "--disable-logging"),
                *("--virtualenv", sys.prefix, "--module", "uwsgi_app:app", *request.param),
            ],
            cwd=HERE,
            env={
                **os.environ,
                "WORKERS_REDIS": broker.url,
                "WORKERS_CHANNEL": uuid.uuid4().hex,
                **({"WORKERS_LAZY": "1"} if request.param else {}),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: log.read_text().count("spawned uWSGI worker") == 3, "workers", 60)
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def test_workers_hear_each_other_once(url: str) -> None:
    heard: queue.Queue[tuple[int, Any]] = queue.Queue()
    clients: list[socketio.Client] = []
    try:
        for number in range(CLIENTS):
            client = socketio.Client()
            client.on("shouted", lambda data, number=number: heard.put((number, data)))
            client.connect(url, transports=["websocket"], wait_timeout=30)
            clients.append(client)
        workers = [client.call("who", timeout=30) for client in clients]
        speakers = {worker: number for number, worker in enumerate(workers)}
        assert len(speakers) > 1, "one worker serves all clients"

        def shout(event: str) -> None:
            for number in speakers.values():
                clients[number].emit(event, f"{event} {number}")
            expected = sorted(
                (each, f"{event} {number}")
                for each in range(CLIENTS)
                for number in speakers.values()
            )
            assert sorted(heard.get(timeout=30) for _ in expected) == expected

        shout("shout")
        for client in clients:
            client.call("who", timeout=30)  # what came twice has come by now
        assert heard.empty()
    finally:
        for client in clients:
            client.disconnect()
