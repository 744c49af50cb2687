"""The chat example in a real browser, two tabs of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig.kinds import E2E, SERVERS
from rig.process import Program

CHROMIUM_INSTALL = "apt-get install chromium"


@pytest.fixture(
    params=[
        pytest.param("uvicorn", marks=pytest.mark.xdist_group("uvicorn")),
        pytest.param("aiohttp", marks=pytest.mark.xdist_group("aiohttp")),
    ]
)
def chat(request: pytest.FixtureRequest, node_path: str) -> Iterator[Program]:
    """The chat example under one server."""
    program = Program((sys.executable, str(SERVERS / f"chat_{request.param}.py"))).start()
    yield program
    program.stop()
    assert not program.crashes(), program.crashes()


@pytest.mark.browser
def test_two_tabs_chat(
    chat: Program,
    node_path: str,
    need: Callable[..., str],
    artefacts: Path,
    request: pytest.FixtureRequest,
) -> None:
    chromium = need("chromium", shutil.which("chromium"), CHROMIUM_INSTALL)
    need(
        "playwright",
        (E2E / "node_modules" / "playwright-core").is_dir(),
        "npm install --prefix e2e",
    )
    screenshot = artefacts / f"{request.node.name}.png"
    screenshot.unlink(missing_ok=True)
    run = subprocess.run(
        [node_path, str(E2E / "js" / "browser_chat.mjs"), chat.url, chromium, str(screenshot)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    facts = json.loads(run.stdout)
    assert "Ada" in facts["refusal"] or "ADA" in facts["refusal"]
    assert facts["status"] == "connected"
    assert facts["people"] == [["Ada (you)", "Bob <i>"], ["Ada", "Bob <i> (you)"]]
    assert facts["typing"] == "Bob <i> is typing…"
    assert facts["ownTyping"] == ""
    markup = facts["markup"]
    assert facts["said"][0] == ["Bob <i>\nhello, Ada", f"Ada\n{markup['sent']}"]
    assert facts["said"][1] == facts["said"][0]
    assert facts["mine"] == [f"Ada\n{markup['sent']}"]
    assert markup["elements"] == 0, "markup was taken as markup"
    assert facts["title"] == "Chat"
    assert all(facts["order"]), "an element that assistive technology needs is missing"
    assert facts["transports"] == ["polling", "websocket"]
    assert facts["peopleAfter"] == ["Ada (you)"]
    assert facts["notices"] == ["Bob <i> came in", "Bob <i> left"]
    assert facts["problems"] == []
    assert screenshot.stat().st_size > 5000
