"""Which test covers which trap: the table ``docs/reference/traps-tested.md``.

A test says in its docstring which traps it is for (``Trap 22, trap 23: …``). Run this file to
write the table anew; ``test_traps_table.py`` fails when a trap has lost its tests.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reference" / "traps-tested.md"
TESTS = {
    "tests": "test_*.py",
    "e2e": "test_*.py",
    "plugins": "test_*.py",
    "examples": "test_*.py",
    "socketio/testing/contracts": "*.py",
}
"""The folders with tests, and what their files are called."""
NUMBERS = re.compile(r"\btraps? (\d+(?:(?:, | and )\d+)*)", re.IGNORECASE)
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
SKIPPED = {"node_modules", "build", "dist"}

TRAPS = {
    1: "Reserved event names never reach lifecycle handlers",
    2: "Broadcasts pass by a client whose connect handler is running",
    3: "`to=[]` and `to=''` are nobody; `skip_sid` is any iterable",
    4: "Forged, repeated and unknown acks are ignored",
    5: "Binary attachments are bounded and checked",
    6: "JSON and ack ids are bounded; odd names are plain strings",
    7: "Every namespace has its own sid; the engine's stays secret",
    8: "The bus carries no pickle; forged messages do nothing; messages may be signed",
    9: "The Origin check and the CORS headers are two things",
    10: "Unknown keyword arguments are errors with a suggestion",
    11: "CONNECT_ERROR carries an object",
    12: "With msgpack, DISCONNECT carries no data",
    13: "Ack ids start at 0",
    14: "A broadcast has a form for polling and one for websocket",
    15: "An offset argument that nobody asked for is coped with",
    16: "Auth `{}` is not the same as none",
    17: "Binary in tuples and nested containers; every bytes-like type",
    18: "Payloads are bounded by bytes, not by packets; chunked bodies",
    19: "The advertised limit is the real one",
    20: "Two GETs or two POSTs at once end the session",
    21: "`ok`, `6`, and 400 with a code and a message",
    22: "The upgrade in all its endings",
    23: "Order holds across the upgrade",
    24: "The server pings, the client pongs; short intervals",
    25: "A session that joins nothing is closed",
    26: "Malformed input ends its session at once, and no other",
    27: "`disconnect` everywhere, with the right reasons",
    28: "One disconnect per client and namespace",
    29: "Stopping closes the clients and ends the process",
    30: "An exception in the connect handler refuses and is logged",
    31: "What the connect handler emits comes after CONNECT",
    32: "Handlers start in order",
    33: "Callbacks of rooms and clusters",
    34: "`emit` from another thread is safe or says so",
    35: "Partials and callable objects are coroutines too",
    36: "The client's reconnection",
    37: "`wait_timeout` holds for reconnections",
    38: "More than 16 packets in one poll",
    39: "`call()` fails when the connection goes",
    40: "No signal handler unless asked",
    41: "Mount points, prefixes and slashes",
    42: "The client's real address",
    43: "Unused frameworks never matter",
    44: "No log handlers on the application's loggers",
    45: "An event named `*`",
    46: "A body that comes in several reads",
    47: "`bytearray` and empty binary",
    48: "NaN and infinity are refused",
    49: "With msgpack, no auth is None",
    50: "JSONP escapes what would end its script",
    51: "The limit counts bytes on the websocket too",
    52: "Two upgrades at once",
    53: "A silent client ends with `ping timeout`",
    54: "`always_connect`: a refusal is a bare DISCONNECT",
    55: "No HTTP error page in a websocket",
    56: "An oversized POST is answered at once",
}


@functools.cache
def collect() -> dict[int, list[str]]:
    """Return the tests of each trap, as ``path::name``."""
    tests: dict[int, list[str]] = defaultdict(list)
    for folder, pattern in TESTS.items():
        for path in sorted((ROOT / folder).rglob(pattern)):
            if not SKIPPED & set(path.parts):
                for name, text in _documented(path):
                    for number in _numbers(text):
                        tests[number].append(f"{path.relative_to(ROOT)}::{name}")
    return tests


def _numbers(text: str) -> list[int]:
    """Return the traps that a docstring names: ``Trap 1``, ``traps 2 and 3``."""
    return [int(number) for found in NUMBERS.findall(text) for number in re.findall(r"\d+", found)]


def _documented(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, FUNCTION) and node.name.startswith("test_"):
            yield node.name, ast.get_docstring(node) or ""


def table() -> str:
    """Return the page."""
    tests = collect()
    lines = [
        "# Traps and their tests",
        "",
        "Where implementations of the protocol go wrong, and which test holds each place. Tests",
        "under `e2e/raw` and `e2e/test_js_client.py` run against every server of",
        "`e2e/rig/kinds.py`, and against the official JavaScript server wherever the protocol",
        "leaves no choice; those under `socketio/testing/contracts` run with every client manager.",
        "Written by `python e2e/rig/traps.py` from the docstrings of the tests.",
        "",
        "| Trap | What holds | Tests |",
        "|---|---|---|",
    ]
    for number, title in TRAPS.items():
        names = [f"`{name}`" for name in dict.fromkeys(tests.get(number, []))]
        lines.append(f"| {number} | {title} | {'<br>'.join(names) or '—'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
    print(f"wrote {TABLE.relative_to(ROOT)}")
