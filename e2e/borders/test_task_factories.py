"""A server and a client in loops whose task factories wrap, refuse arguments, or start at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "factory_program.py"
EAGER = ["eager"] if sys.version_info >= (3, 12) else []

EXPECTED = {
    "slow": [1, 2, 3],
    "ask": "answer",
    "upload": 900_000,
    "large": True,
    "later": "done",
    "thread": "done",
    "disconnect": "client disconnect",
}


@pytest.mark.heavy
@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("mode", ["aiohttp", "uvicorn"])
@pytest.mark.parametrize("factory", ["none", "sentry", "wrapping", "refusing", *EAGER])
def test_everything_that_waits_ends(factory: str, mode: str, transport: str) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "dev", PROGRAM, factory, mode, transport],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert run.returncode == 0, run.stderr
    results: dict[str, Any] = json.loads(run.stdout)
    reported = results.pop("reported")
    assert results == EXPECTED, run.stderr
    assert "never retrieved" not in run.stderr
    assert "was destroyed" not in run.stderr
    if factory != "sentry":
        assert reported == 0
