"""The guide to plugins, followed to the letter: its distribution works over real sockets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

import socketio
from socketio.testing import TestClient

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "write-a-plugin.md").read_text()
FILE = re.compile(r"```(?:python|toml)\n# (?P<name>\S+)\n(?P<code>.*?)```", re.DOTALL)
PROGRAMS = [
    code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "AsyncServer(" in code
]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the guide's package and the metadata that an installer would write."""
    for found in FILE.finditer(PAGE):
        path = tmp_path / found["name"]
        path.parent.mkdir(exist_ok=True)
        path.write_text(found["code"])
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"]["socketio"].items()
    metadata = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (metadata / "entry_points.txt").write_text(f"[socketio]\n{name} = {value}\n")
    return tmp_path


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "SOCKETIO_STRICT_PLUGINS": "1"}


@pytest.fixture
def url(site: Path, port: int) -> Iterator[str]:
    """The guide's server, running."""
    code = PROGRAMS[0]
    assert "5000" in code
    (site / "serve.py").write_text(code.replace("5000", str(port)))
    process = subprocess.Popen(
        [sys.executable, "serve.py"],
        cwd=site,
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n", process.stdout.read()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    rest, _ = process.communicate(timeout=10)
    assert "Traceback" not in rest


def test_the_plugin_is_listed(site: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "socketio", "plugins", "--json"],
        cwd=site,
        env=environment(site),
        capture_output=True,
        text=True,
        check=True,
    )
    (mine,) = (plugin for plugin in json.loads(listed.stdout) if plugin["name"] == "my-plugin")
    assert mine["status"] == "ok"
    assert ", ".join(mine["provides"]) in PAGE


@pytest.mark.timeout(60)
async def test_the_mode_serves_a_client(url: str) -> None:
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(url)
        assert client.transport == "polling"
        assert await client.call("echo", "hi", timeout=5) == "hi"


@pytest.mark.timeout(60)
def test_the_transport_carries_packets(url: str) -> None:
    query = {"EIO": "4", "transport": "shortpolling"}
    with httpx.Client(base_url=url, timeout=10) as http:
        opened = http.get("/socket.io/", params=query).text
        query["sid"] = json.loads(opened[1:])["sid"]

        def post(payload: str) -> int:
            return http.post("/socket.io/", params=query, content=payload).status_code

        def get() -> str:
            return http.get("/socket.io/", params=query).text

        assert get() == "6"
        assert post("40") == 200
        assert get().startswith('40{"sid":')
        assert post('420["echo","hi"]') == 200
        assert get() == '430["hi"]'
        assert post("4nonsense") == 400
        assert get() == "1"


def test_the_plugin_is_passed_without_being_installed(site: Path) -> None:
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    entry_points.unlink()
    (site / "frozen.py").write_text(PROGRAMS[1] + "print(sio.async_mode)\n")
    run = subprocess.run(
        [sys.executable, "frozen.py"],
        cwd=site,
        env=environment(site),
        capture_output=True,
        text=True,
    )
    assert run.stdout == "streams\n", run.stderr


def test_the_plugin_that_watches_hears_of_each_client() -> None:
    (watching,) = re.findall(
        r"```python\n([^`]*def socketio_server_created.*?)```", PAGE, re.DOTALL
    )
    plugin = ModuleType("watching")
    exec(watching, plugin.__dict__)
    server = socketio.Server(plugins=[plugin])
    client = TestClient(server)
    assert plugin.connected == {client.connect()}
    client.drop()
    assert plugin.connected == set()
    server.shutdown()
