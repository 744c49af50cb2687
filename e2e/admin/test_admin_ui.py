"""The Admin UI's backend against the official client, and the official Admin UI in a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig.example import MANUAL, ExampleServer
from rig.kinds import E2E

HERE = Path(__file__).parent
EXAMPLE = MANUAL.parent / "admin"
UI = E2E / "node_modules" / "@socket.io" / "admin-ui" / "ui" / "dist"
NPM_INSTALL = "npm install --prefix e2e"


@pytest.fixture(params=["server", "server_asyncio"], ids=["werkzeug", "asyncio"])
def admin_server(request: pytest.FixtureRequest) -> Iterator[ExampleServer]:
    """The example that the Admin UI watches."""
    server = ExampleServer(sys.executable, str(EXAMPLE / f"{request.param}.py"))
    server.start(str(UI))
    yield server
    server.stop()
    assert server.crashes() == "", server.errors


def run_node(*command: str) -> dict[str, object]:
    """Run a program of this folder and return what it saw."""
    run = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr
    facts: dict[str, object] = json.loads(run.stdout)
    return facts


@pytest.mark.server
@pytest.mark.node
def test_the_official_client(admin_server: ExampleServer, node_path: str) -> None:
    facts = run_node(node_path, str(HERE / "client.mjs"), admin_server.url)
    assert facts == {
        "refused": "invalid credentials",
        "features": [
            *("AGGREGATED_EVENTS", "ALL_EVENTS", "EMIT", "JOIN", "LEAVE", "DISCONNECT"),
            *("MJOIN", "MLEAVE", "MDISCONNECT"),
        ],
        "seen": {"rooms": 2, "transport": facts["seen"]["transport"], "clientId": 12},  # type: ignore[index]  # whatever it is by now
        "secret": False,
        "cameBack": True,
        "received": ["/", "SID", ["hello", "world"]],
        "joined": True,
        "heard": [1, {"two": 2}],
        "sent": ["news", 1, {"two": 2}],
        "left": True,
        "stats": {
            "serverId": "example",
            "clients": 2,
            "types": facts["stats"]["types"],  # type: ignore[index]  # looked at below
            "namespaces": ["/", "/admin"],
        },
        "gone": "server disconnect",
        "reason": "io server disconnect",
    }
    assert {"bytesIn", "bytesOut", "packetsIn", "packetsOut"} <= set(facts["stats"]["types"])  # type: ignore[index]  # it is a dict


@pytest.mark.server
@pytest.mark.browser
def test_the_official_admin_ui(
    admin_server: ExampleServer,
    node_path: str,
    need: Callable[..., str],
    artefacts: Path,
    request: pytest.FixtureRequest,
) -> None:
    chromium = need("chromium", shutil.which("chromium"), "apt-get install chromium")
    need("admin-ui", UI.is_dir(), NPM_INSTALL)
    screenshot = artefacts / f"{request.node.name}.png"
    facts = run_node(
        node_path, str(HERE / "browser.mjs"), admin_server.url, chromium, str(screenshot)
    )
    assert facts == {
        **dict.fromkeys(("server", "socket", "room", "event", "cameBack", "gone"), True),
        "problems": [],
    }
