"""NiceGUI runs on this library as it is, in an environment of its own."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.example import ExampleServer
from rig.kinds import E2E

import socketio

HERE = Path(__file__).parent
PYTHON = E2E / ".tools" / "nicegui" / "bin" / "python"

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("nicegui")]


@pytest.fixture(scope="module")
def served(need: Callable[..., Any]) -> Iterator[ExampleServer]:
    """The page under NiceGUI's own `run()`."""
    need("nicegui", PYTHON.exists(), "make e2e/.tools/nicegui")
    server = ExampleServer(str(PYTHON), str(HERE / "page.py")).start()
    yield server
    server.stop(signal.SIGTERM)
    assert server.crashes() == "", server.errors


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def test_its_intervals_are_those_of_the_handshake(served: ExampleServer) -> None:
    """It assigns them to `sio.eio` when it starts."""
    answer = get(f"{served.url}/_nicegui_ws/socket.io/?EIO=4&transport=polling")
    told = json.loads(answer.removeprefix("0"))
    assert (told["pingInterval"], told["pingTimeout"]) == (4000, 2000)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_client_presses_a_button(served: ExampleServer, transport: str) -> None:
    html = get(served.url)
    client_id = re.search(r"'client_id': '([0-9a-f-]+)'", html)
    button = re.search(
        r'"(\d+)":\{"tag":"q-btn","props":\{[^}]*"label":"Press".*?"listener_id":"([0-9a-f-]+)"',
        html,
    )
    assert client_id and button, html
    with socketio.SimpleClient() as client:
        handshake = {
            "client_id": client_id[1],
            "tab_id": "tab",
            "document_id": "document",
            "next_message_id": "0",
            "implicit_handshake": "true",
        }
        query = "&".join(f"{name}={value}" for name, value in handshake.items())
        client.connect(
            f"{served.url}/?{query}",
            transports=[transport],
            socketio_path="/_nicegui_ws/socket.io",
        )
        event = {
            "id": int(button[1]),
            "client_id": client_id[1],
            "listener_id": button[2],
            "args": [],
        }
        client.emit("event", event)
        while "1 presses" not in json.dumps(client.receive(timeout=20)):
            pass


@pytest.mark.browser
def test_a_browser_shows_what_the_server_sends(
    served: ExampleServer, node_path: str, need: Callable[..., str]
) -> None:
    chromium = need("chromium", shutil.which("chromium"), "apt-get install chromium")
    need(
        "playwright",
        (E2E / "node_modules" / "playwright-core").is_dir(),
        "npm install --prefix e2e",
    )
    run = subprocess.run(
        [node_path, str(HERE / "browser.mjs"), served.url, chromium],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "shown": {
            "connected": "connected",
            "presses": "3 presses",
            "echo": "HELLO",
            "answer": "the browser says 42",
        },
        "errors": [],
    }
    served.wait_for_line("a client is gone")
