"""Endpoints below a prefix: mounted applications, and servers that are told of a proxy's prefix.

The official JavaScript client connects to each, by polling and then by websocket.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from frameworks.servers import HERE, PYTHONPATH, launched
from frameworks.test_servers import WebServer
from rig.node import NodeClient
from rig.wire import EngineSession, Peer

pytestmark = pytest.mark.server

BELOW = "app/socket.io"
PLAIN = "socket.io"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to serve below the prefix `/app`."""

    command: tuple[str, ...]
    distributions: tuple[str, ...]
    """What must be installed."""
    paths: tuple[str, ...] = (BELOW,)
    """Under which paths the endpoint is found: a proxy may take the prefix away, or not."""
    environment: dict[str, str] = field(default_factory=dict)


def mounted(kind: str, *distributions: str, **fields: Any) -> Way:
    """Return an application that is mounted into another one."""
    script = str(HERE / "programs" / "mounted.py")
    return Way(command=(sys.executable, script, kind), distributions=distributions, **fields)


BOTH = (PLAIN, BELOW)

WAYS = {
    "Starlette Mount": mounted("starlette", "starlette", "uvicorn"),
    "ASGIApp in a Mount": mounted("asgi_app", "starlette", "uvicorn"),
    "FastAPI sub-application": mounted("fastapi", "fastapi", "uvicorn"),
    "aiohttp add_subapp": mounted("aiohttp", "aiohttp"),
    "Flask, SCRIPT_NAME": mounted("flask", "flask", "werkzeug"),
    "Django, SCRIPT_NAME": mounted("django", "django", "werkzeug"),
    "Django, FORCE_SCRIPT_NAME": mounted("django_asgi", "django", "uvicorn", paths=(PLAIN,)),
    "uvicorn --root-path": Way(
        command=launched(
            *("uvicorn", "--port", "{port}", "--log-level", "warning"),
            *("--root-path", "/app", "asgi_main:app"),
        ),
        distributions=("uvicorn",),
        paths=BOTH,
    ),
    "hypercorn --root-path": Way(
        command=launched(
            "hypercorn", "-b", "127.0.0.1:{port}", "--root-path", "/app", "asgi_main:app"
        ),
        distributions=("hypercorn",),
        paths=BOTH,
    ),
    "daphne --root-path": Way(
        command=launched(
            "daphne", "-p", "{port}", "-v", "0", "--root-path", "/app", "asgi_main:app"
        ),
        distributions=("daphne",),
        paths=BOTH,
    ),
    "granian --url-path-prefix": Way(
        command=launched(
            *("granian", "--interface", "asgi", "--port", "{port}", "--log-level", "warning"),
            *("--url-path-prefix", "/app", "asgi_main:app"),
        ),
        distributions=("granian",),
    ),
    "gunicorn, SCRIPT_NAME": Way(
        command=launched(
            *("gunicorn", "-b", "127.0.0.1:{port}", "--log-level", "warning"),
            *("-w", "1", "--threads", "100", "wsgi_main:app"),
        ),
        distributions=("gunicorn",),
        environment={"SCRIPT_NAME": "/app"},
    ),
}


@pytest.fixture(scope="module")
def running(need: Any) -> Iterator[dict[str, WebServer]]:
    programs: dict[str, WebServer] = {}
    yield programs
    for program in programs.values():
        program.end()


@pytest.fixture
def program(way: str, need: Any, running: dict[str, WebServer]) -> Iterator[WebServer]:
    if way not in running:
        kind = WAYS[way]
        for distribution in kind.distributions:
            try:
                importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                need(distribution, None, f"pip install {distribution}")
        environment = {
            "PYTHONPATH": f"{PYTHONPATH}:{HERE / 'applications'}",
            **kind.environment,
        }
        running[way] = WebServer(kind.command, environment)
        running[way].start()
    yield running[way]
    assert not running[way].crashes(), running[way].crashes()


def ways() -> Any:
    """Run a test for each way and path."""
    return pytest.mark.parametrize(
        ("way", "path"),
        [
            pytest.param(name, path, id=f"{name} {path}", marks=pytest.mark.xdist_group(name))
            for name, way in WAYS.items()
            for path in way.paths
        ],
    )


@ways()
def test_the_javascript_client(node: NodeClient, program: WebServer, path: str) -> None:
    """Trap 41."""
    transports = ["polling", "websocket"]
    facts = node.run("connect", program.url, transports=transports, variant=path)
    assert (facts["first"], facts["last"]) == ("polling", "websocket")


@ways()
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_without_the_last_slash(program: WebServer, path: str, transport: str) -> None:
    """Trap 41."""
    async with aiohttp.ClientSession() as http:
        session = EngineSession(http, program.url, path)
        session.url = session.url.rstrip("/")
        client = await Peer(session, transport).open()
        await client.connect()
        assert await client.ask("ack plain", transport) == [transport]
