"""Clients that come and go for minutes: nothing is left, nothing comes twice, memory stays flat.

`make soak` lets each server run for ten minutes, `make soak SECONDS=60` for one, and `make e2e`
for some seconds. `make soak` prints what it has seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.process import Program

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("SOCKETIO_SOAK_SECONDS", "12"))
ROUNDS = 4
"""In how many parts the time is divided; memory is looked at after each."""
SETTLED = 30.0
"""Seconds until everything of the last clients is gone."""
SPARE_MEMORY = 12_000_000
"""Bytes by which memory may grow: caches fill, and the allocator keeps what was freed."""

COMMANDS = {
    "aiohttp": (sys.executable, str(HERE / "server.py")),
    "gthread": (
        *(sys.executable, str(HERE.parent / "frameworks" / "launch.py")),
        *(str(Path(sys.executable).parent / "gunicorn"), "-b", "127.0.0.1:{port}"),
        *("--log-level", "warning", "-w", "1", "--threads", "100"),
        *("--chdir", str(HERE), "server:app"),
    ),
}

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(SECONDS * 2 + 240)]


@pytest.fixture(params=COMMANDS)
def soaked(request: pytest.FixtureRequest) -> Iterator[Program]:
    program = Program(COMMANDS[request.param])
    program.start()
    yield program
    program.stop()


def stats(program: Program) -> dict[str, Any]:
    with urllib.request.urlopen(f"{program.url}/stats", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def crowd(program: Program, seconds: float) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "clients.py"), program.url, str(seconds)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 150)
    assert run.returncode == 0, run.stderr
    done: dict[str, Any] = json.loads(run.stdout)
    return done


def settled(program: Program) -> dict[str, Any]:
    """Wait until nobody is there any more; returns the counts."""
    deadline = time.monotonic() + SETTLED
    while True:
        found = stats(program)
        if not (found["sessions"] or found["kept"] or found["clients"] or found["rooms"]):
            return found
        assert time.monotonic() < deadline, f"something is left: {found}"
        time.sleep(0.2)


def test_nothing_is_left_and_nothing_comes_twice(soaked: Program) -> None:
    crowd(soaked, 3)  # what is imported, cached and started once
    before = settled(soaked)
    memory = []
    for _ in range(ROUNDS):
        done = crowd(soaked, SECONDS / ROUNDS)
        print(json.dumps(done))
        assert done["faults"] == []
        assert done["lives"] > 0 and done["acked"] > 0 and done["ticks"] > 0
        after = settled(soaked)
        print(json.dumps(after))
        assert after["handled"] - before["handled"] >= done["sent"]
        memory.append(after["memory"])
        assert (after["twice"], after["late"], after["errors"]) == (0, 0, 0), after["error"]
        assert after["connected"] == after["disconnected"]
        assert after["tasks"] <= before["tasks"] + 2
        assert after["files"] <= before["files"] + 12  # connections that are kept open
        assert after["threads"] <= max(before["threads"], 110)
        before = {**before, "handled": after["handled"]}
    assert memory[-1] < memory[0] + SPARE_MEMORY, memory
