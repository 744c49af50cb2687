"""The servers that every end-to-end test runs against: one line each."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

E2E = Path(__file__).parents[1]
SERVERS = E2E / "servers"
PEER_VARIABLE = "SOCKETIO_E2E_PEER"
"""A Python in whose environment ``import socketio`` is another implementation."""
KINDS_VARIABLE = "SOCKETIO_E2E_KINDS"
"""Names of further programs `servers/serve_NAME.py`, separated by commas: the whole suite runs
against them too."""
URL_VARIABLE = "SOCKETIO_E2E_URL"
"""Base URL of a server, already running, that has the behaviours of ``servers/``."""


@dataclass(frozen=True, kw_only=True)
class ServerKind:
    """One way to serve the behaviours."""

    name: str
    command: tuple[str, ...]
    """Program that prints ``{"port": N}``, then its journal."""
    modules: tuple[str, ...] = ()
    """Python modules that it imports, by the name that ``pip install`` knows."""
    features: frozenset[str] = field(default_factory=frozenset)
    """``python``: behaviours that only a Python program can show."""
    environment: tuple[tuple[str, str], ...] = ()
    heavy: bool = False
    """Whether its tests are for the long run only, `make e2e`."""
    url: str | None = None
    """Where it runs already; its journal is out of reach, and so are the tests that read it."""


def python(name: str, *modules: str, program: str | None = None, heavy: bool = False) -> ServerKind:
    """Return a kind served by ``servers/serve_NAME.py``."""
    script = SERVERS / f"serve_{program or name}.py"
    return ServerKind(
        name=name,
        command=(sys.executable, str(script)),
        modules=modules,
        features=frozenset({"python"}),
        heavy=heavy,
    )


KINDS = (
    python("uvicorn", "uvicorn"),
    python("aiohttp", "aiohttp"),
    python("werkzeug", "werkzeug"),
    python("gevent", "gevent", heavy=True),
    python("eventlet", "eventlet", heavy=True),
    ServerKind(name="javascript", command=("node", str(E2E / "js" / "reference_server.mjs"))),
)
"""Add a server: a program ``servers/serve_NAME.py`` and a line here."""


def peer_kinds() -> tuple[ServerKind, ...]:
    """Return the kinds that the environment variables ask for in addition."""
    kinds = [python(name) for name in os.environ.get(KINDS_VARIABLE, "").split(",") if name]
    if interpreter := os.environ.get(PEER_VARIABLE):
        kinds += [
            ServerKind(
                name=f"peer-{program}",
                command=(interpreter, str(SERVERS / f"serve_{program}.py")),
                features=frozenset({"python"}),
                environment=(("SOCKETIO_E2E_ASYNC_MODE", "asgi"),),
            )
            for program in ("uvicorn", "aiohttp")
        ]
    if url := os.environ.get(URL_VARIABLE):
        kinds.append(
            ServerKind(name="url", command=(), features=frozenset({"python"}), url=url.rstrip("/"))
        )
    return tuple(kinds)
