"""Every program of the guide to workers, run as the guide says, reaches the clients of a server."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import RedisServer, private

from socketio import RedisManager
from socketio.testing.contracts.cluster import Node

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("workers")]

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "emit-from-workers.md"
FILE = re.compile(r"^```python\n# (?P<name>\S+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
PROJECT = """
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.test import Client
from django.urls import path

from site_of_the_guide import views

urlpatterns = [path("report", views.report)]

settings.configure(
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["site_of_the_guide"],
    USE_TZ=True,
)

import django

django.setup()
if sys.argv[1] == "view":
    assert Client().get("/report").content == b"told"
else:
    execute_from_command_line(sys.argv)
"""


@pytest.fixture(scope="module")
def broker(need: Any) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as server:
        yield server


@pytest.fixture
def node(broker: RedisServer) -> Iterator[Node]:
    node = Node("sync", lambda: RedisManager(broker.url))
    yield node
    node.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the guide, as its reader has them."""
    for found in FILE.finditer(GUIDE.read_text()):
        name = found["name"]
        if name == "views.py" or name.startswith("management/"):
            name = f"site_of_the_guide/{name}"
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["code"])
    for package in ("", "management", "management/commands"):
        (tmp_path / "site_of_the_guide" / package / "__init__.py").touch()
    (tmp_path / "project.py").write_text(PROJECT)
    return tmp_path


@pytest.fixture
def environment(broker: RedisServer, folder: Path) -> dict[str, str]:
    urls = {"SOCKETIO_REDIS": broker.url, "CELERY_BROKER": f"redis://127.0.0.1:{broker.port}/1"}
    return {**os.environ, **urls, "PYTHONPATH": str(folder)}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a program that ends by itself, and return what it says."""
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["script.py"], ["script"]),
        (["async_script.py"], ["asyncio"] * 2),
        (["project.py", "report"], ["command"]),
        (["project.py", "view"], ["view"]),
    ],
    ids=["script", "asyncio", "command", "view"],
)
def test_a_program_that_ends(
    node: Node, folder: Path, environment: dict[str, str], command: list[str], told: list[str]
) -> None:
    client = node.client()
    run(command, folder, environment)
    node.emit("last")
    assert client.until("last") == [["report", {"from": each}] for each in told]


def test_celery(node: Node, folder: Path, environment: dict[str, str]) -> None:
    client = node.client()
    for name in ("report", "report_from_a_loop"):
        run(["-c", f"import celery_tasks; celery_tasks.{name}.delay()"], folder, environment)
    with running(["-m", "celery", "-A", "celery_tasks", "worker", "-c", "2"], folder, environment):
        told = [client.receive(60) for _ in range(2)]
    assert sorted(event[1]["from"] for event in told) == ["celery", "celery, asyncio"]


def test_rq(node: Node, broker: RedisServer, folder: Path, environment: dict[str, str]) -> None:
    client = node.client()
    worker = ["-m", "rq.cli", "worker", "--burst", "--url", broker.url]
    enqueue = (
        "import redis, rq, sys; rq.Queue(connection=redis.Redis.from_url(sys.argv[1]))"
        ".enqueue('rq_jobs.report')"
    )
    run(["-c", enqueue, broker.url], folder, environment)
    run(worker, folder, environment)
    assert client.receive() == ["report", {"from": "rq"}]


def test_the_probe(
    node: Node, broker: RedisServer, folder: Path, environment: dict[str, str]
) -> None:
    run(["probe.py"], folder, environment)
    away = {**environment, "SOCKETIO_REDIS": f"{broker.url}9999"}  # no such database
    refused = subprocess.run(
        [sys.executable, "probe.py"],
        cwd=folder,
        env=away,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    assert "out of range" in refused.stderr
    assert "Traceback" not in refused.stderr


@contextlib.contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a program until the block ends."""
    process = subprocess.Popen([sys.executable, *command], cwd=folder, env=environment)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
