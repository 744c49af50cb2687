"""uWSGI's workers, forked after the application was loaded, or before (`lazy-apps`)."""

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

UWSGI = Path(sys.executable).with_name("uwsgi")


@pytest.fixture(params=[(), ("--lazy-apps",)], ids=["forked", "lazy-apps"])
def url(request: pytest.FixtureRequest, need: Any, tmp_path: Path) -> Iterator[str]:
    """Three workers of uWSGI's with gevent, behind one port."""
    need("redis", not RedisServer.missing(), "make brokers")
    need("uwsgi", UWSGI.exists(), "make uwsgi")
    port = free_port()
    command = [
        *(str(UWSGI), "--http", f"127.0.0.1:{port}", "--http-websockets", "--master"),
        *("--gevent", "6", "--gevent-early-monkey-patch", "--processes", "3"),
        *("--add-header", "Connection: close", "--die-on-term", "--disable-logging"),
        *("--virtualenv", sys.prefix, "--module", "uwsgi_app:app", *request.param),
    ]
    lazy = {"WORKERS_LAZY": "1"} if request.param else {}
    with several_workers(command, tmp_path / "log", 3, "spawned uWSGI worker", **lazy):
        yield f"http://127.0.0.1:{port}"


def test_workers_hear_each_other_once(url: str) -> None:
    check_that_all_hear_all_once(url, 12, ["shout"])
