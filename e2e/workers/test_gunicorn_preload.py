"""gunicorn's workers, forked after the application was loaded and its server started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import RedisServer
from brokers.process import free_port
from rig.workers import check_that_all_hear_all_once, several_workers

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("workers")]


@pytest.fixture
def url(need: Any, tmp_path: Path) -> Iterator[str]:
    """Four workers of gunicorn's, behind one port."""
    need("redis", not RedisServer.missing(), "make brokers")
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--preload", "--workers=4", "--threads=50"),
        *("--worker-class=gthread", f"--bind=127.0.0.1:{port}", "preloaded:app"),
    ]
    with several_workers(command, tmp_path / "log", 4, "Booting worker"):
        yield f"http://127.0.0.1:{port}"


def test_workers_and_their_children_are_heard_once(url: str) -> None:
    """Also what a child emits of a worker that serves clients, whose connections stay whole."""
    check_that_all_hear_all_once(url, 16, ["shout", "fork_and_shout", "shout"])
