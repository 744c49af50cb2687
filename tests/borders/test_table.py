"""The table of borders is complete, its tests exist, and the page says what it says."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("borders_page", ROOT / "tools" / "borders_page.py")
assert _spec is not None and _spec.loader is not None
borders_page: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(borders_page)

EXPECTED: dict[str, set[str]] = {
    "Code of the application": {
        *("base exceptions", "what ends a program", "cancellation", "fairness"),
    },
    "The event loop and its task factory": {"task factories", "disk in the loop"},
    "Another thread, loop or process": {
        *("other threads and loops", "forks", "forks with a client", "context variables"),
        *("sessions that end elsewhere", "data of a client that leaves"),
    },
    "The web server, its middleware and proxies": {
        *("origins", "origins with default ports", "lengths", "refused bodies", "subprotocols"),
        *("start and stop", "answers that cannot be sent"),
    },
    "Decorators and injected arguments": {"wrappers"},
    "The HTTP library of a client": {
        *("headers, auth and cookies", "TLS", "proxies", "redirects", "servers that greet"),
        "threads of a client",
    },
    "The broker": {"bursts", "hostile messages"},
    "A fast or a slow peer": {
        *("peers that do not read", "peers that send slowly", "peers that send fast"),
    },
    "The wire": {
        *("a second websocket", "punctual heartbeats", "a poll beside the upgrade"),
        *("a close beside a poll", "daphne", "halves of characters", "undefined"),
        *("base64 with line breaks", "other languages"),
    },
    "Programs for python-socketio": {
        *("Flask-SocketIO", "broadcasts in connect handlers", "options of the engine"),
        *("everything imported", "context of a Flask application"),
    },
    "Adversaries": {
        *("keys of maps", "log lines", "the Admin UI's door", "echoes", "advisories"),
        *("what servers cost", "soak", "fuzz"),
    },
}
"""Every border, and every point that was found to go wrong at it."""

POINTS = [point for border in borders_page.load() for point in border["point"]]


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of the tests that a file has."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_every_border_and_every_point_is_there() -> None:
    found = {
        border["name"]: {point["name"] for point in border["point"]}
        for border in borders_page.load()
    }
    assert found == EXPECTED
    assert len(POINTS) == len({point["name"] for point in POINTS})


@pytest.mark.parametrize("point", POINTS, ids=lambda point: str(point["name"]))
def test_a_point_has_tests_that_exist(point: dict[str, Any]) -> None:
    missing = []
    for test in point["tests"]:
        path, _, name = test.partition("::")
        if not (ROOT / path).is_file() or name not in names_in(path):
            missing.append(test)
    assert missing == []
    assert point["tests"], "a point without a test holds nothing"


def test_the_page_is_written_from_the_table() -> None:
    written = borders_page.PAGE.read_text(encoding="utf-8")
    assert written == borders_page.page(), "write it anew: python tools/borders_page.py"
