"""Tasks of Celery's prefork pool emit through managers that were made before the fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import pytest
import redis
from brokers import RedisServer, private

from socketio import RedisManager
from socketio.testing.contracts.cluster import Node, wait_for

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("workers")]

HERE = Path(__file__).parent
TASKS = ("emit", "emit_in_a_loop", "emit_through_a_new_manager")


@pytest.fixture(scope="module")
def broker(need: Any) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as server:
        yield server


@pytest.fixture(scope="module")
def channel() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def node(broker: RedisServer, channel: str) -> Iterator[Node]:
    node = Node("sync", lambda: RedisManager(broker.url, channel=channel))
    yield node
    node.stop()


@pytest.fixture(scope="module")
def worker(
    broker: RedisServer, channel: str, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Celery's own worker, with four children."""
    client = node.client()
    log = tmp_path_factory.mktemp("celery") / "log"
    arguments = ["-A", "tasks", "worker", "--pool=prefork", "--concurrency=4", "--loglevel=INFO"]
    environment = {**os.environ, "WORKERS_REDIS": broker.url, "WORKERS_CHANNEL": channel}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments],
            cwd=HERE,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert [client.receive(60)[0] for _ in range(2)] == ["parent", "parent"], log.read_text()
        yield log
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("task", TASKS)
def test_what_every_child_emits_arrives_once(
    broker: RedisServer, node: Node, worker: Path, task: str
) -> None:
    client = node.client()
    server = redis.Redis(port=broker.port)
    with celery.Celery(broker=broker.url, backend=broker.url) as app:
        results = [app.send_task(f"tasks.{task}", [number]) for number in range(60)]
        processes = [result.get(timeout=60) for result in results]
        node.emit("last")
        events = [event[1] for event in client.until("last", 60)]
        assert sorted(events) == [[number, each] for number, each in enumerate(processes)]
        assert len(set(processes)) > 1, "only one child has worked"
    # A child keeps one connection for its tasks, and none when their managers are gone.
    emitting = [each for each in server.client_list() if each["cmd"] in ("publish", "ping")]
    server.close()
    assert len(emitting) < 30, worker.read_text()


def test_the_children_have_no_threads_of_tasks_that_are_over(node: Node, worker: Path) -> None:
    children = {
        int(each)
        for stat in Path("/proc").glob("[0-9]*/cmdline")
        if b"tasks\0worker" in stat.read_bytes()
        for each in (stat.parent.name,)
    }
    assert len(children) >= 5

    def most_threads() -> int:
        return max(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in children)

    wait_for(lambda: most_threads() <= 4, "the end of the threads of tasks that are over")
