"""RQ's jobs, each in a fork of its worker, emit through managers that were made before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import rq
from brokers import RedisServer, private

from socketio import RedisManager
from socketio.testing.contracts.cluster import Node

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("workers")]

HERE = Path(__file__).parent
JOBS = ("emit", "emit_in_a_loop", "emit_through_a_new_manager")
WORKERS = 2
DEADLINE = 60.0


@pytest.fixture(scope="module")
def broker(need: Any) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as server:
        yield server


@pytest.fixture(scope="module")
def node(broker: RedisServer) -> Iterator[Node]:
    channel = uuid.uuid4().hex
    node = Node("sync", lambda: RedisManager(broker.url, channel=channel))
    yield node
    node.stop()


@pytest.fixture(scope="module")
def queue(
    broker: RedisServer, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[rq.Queue]:
    """A queue with two workers."""
    client = node.client()
    log = tmp_path_factory.mktemp("rq") / "log"
    environment = {
        **os.environ,
        "WORKERS_REDIS": broker.url,
        "WORKERS_CHANNEL": node.manager.channel,
    }
    connection = redis.Redis.from_url(broker.url)
    queue = rq.Queue(uuid.uuid4().hex, connection=connection)
    with log.open("w") as output:
        processes = [
            subprocess.Popen(
                [sys.executable, "rq_worker.py", queue.name],
                cwd=HERE,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for _ in range(WORKERS)
        ]
    try:
        heard = [client.receive(DEADLINE)[0] for _ in range(2 * WORKERS)]
        assert heard == ["parent"] * (2 * WORKERS), log.read_text()
        yield queue
        # What RQ itself says at its end is not looked at: two that end at once may trip each other.
        assert "Traceback" not in log.read_text(), log.read_text()
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        connection.close()


def result(job: rq.job.Job) -> Any:
    """Wait for a job's end, and return what it has returned."""
    latest = job.latest_result(timeout=int(DEADLINE))
    assert latest is not None, "the job has not ended"
    assert latest.type is latest.Type.SUCCESSFUL, latest.exc_string
    return latest.return_value


@pytest.mark.parametrize("name", JOBS)
def test_what_every_job_emits_arrives_once(node: Node, queue: rq.Queue, name: str) -> None:
    client = node.client()
    jobs = [queue.enqueue(f"jobs.{name}", number) for number in range(12)]
    processes = [result(job) for job in jobs]
    node.emit("last")
    events = [event[1] for event in client.until("last", DEADLINE)]
    assert sorted(events) == [[number, each] for number, each in enumerate(processes)]
    assert len(set(processes)) == len(jobs), "a job has not had a process of its own"
