"""Servers, clients and browsers of the end-to-end tests.

A test that asks for ``server`` runs once per kind of ``rig/kinds.py``. Each kind is one
process per test session, on a port of its own; with xdist's ``--dist loadgroup`` all tests of
a kind run in one worker. ``@pytest.mark.python_only`` leaves out the JavaScript server.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# `rig` and `brokers` are in no distribution.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "tools"))

from brokers.process import free_port
from rig.kinds import E2E, KINDS, ServerKind, peer_kinds
from rig.node import NodeClient
from rig.process import Program, RemoteProgram

NODE_INSTALL = "apt-get install nodejs npm"
NPM_INSTALL = "npm install --prefix e2e"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks that only these tests use."""
    config.addinivalue_line("markers", "python_only(reason): no JavaScript server for this test")
    config.addinivalue_line("markers", "logs_traceback: the server is meant to log an exception")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a server once per kind."""
    for name in ("server", "own_server"):
        if name in metafunc.fixturenames:
            python_only = metafunc.definition.get_closest_marker("python_only")
            kinds = [
                pytest.param(
                    kind,
                    id=kind.name,
                    marks=[
                        pytest.mark.xdist_group(kind.name),
                        pytest.mark.server,
                        *([pytest.mark.node] if kind.command[:1] == ("node",) else []),
                        *([pytest.mark.heavy] if kind.heavy else []),
                    ],
                )
                for kind in (*KINDS, *peer_kinds())
                if (not python_only or "python" in kind.features)
                and (name == "server" or kind.url is None)
            ]
            metafunc.parametrize(name, kinds, indirect=True)


@pytest.fixture(scope="session")
def node_path(need: Callable[..., str]) -> str:
    """Path of Node, with the packages of ``e2e/package.json`` in place."""
    node = need("node", shutil.which("node"), NODE_INSTALL)
    need("node", (E2E / "node_modules" / "socket.io-client").is_dir(), NPM_INSTALL)
    return node


@pytest.fixture(scope="session")
def node(node_path: str) -> Iterator[NodeClient]:
    """The JavaScript client."""
    client = NodeClient(node_path)
    yield client
    client.close()


def _program(kind: ServerKind, request: pytest.FixtureRequest) -> Program:
    if kind.url is not None:
        return RemoteProgram(kind.url)
    need = request.getfixturevalue("need")
    if kind.command[0] == "node":
        request.getfixturevalue("node_path")
    for module in kind.modules:
        present = importlib.util.find_spec(module.replace("-", "_")) is not None
        need(module, present, f"pip install {module}")
    return Program(kind.command, dict(kind.environment))


@pytest.fixture(scope="session")
def _shared_server(request: pytest.FixtureRequest) -> Iterator[Callable[[ServerKind], Program]]:
    running: dict[str, Program] = {}

    def get(kind: ServerKind) -> Program:
        if kind.name not in running:
            running[kind.name] = _program(kind, request).start()
        return running[kind.name]

    yield get
    for program in running.values():
        program.close()


@pytest.fixture
def server(
    request: pytest.FixtureRequest, _shared_server: Callable[[ServerKind], Program]
) -> Iterator[Program]:
    """A running server; the test fails if it makes the server log a crash."""
    program = _shared_server(request.param)
    assert program.running, f"the server had died:\n{''.join(program.errors)}"
    before = len(program.errors)
    yield program
    assert program.running, f"the server died:\n{''.join(program.errors)}"
    if not request.node.get_closest_marker("logs_traceback"):
        crash = program.crashes(before)
        assert not crash, f"the server logged a crash:\n{crash}"


@pytest.fixture
def own_server(request: pytest.FixtureRequest) -> Iterator[Program]:
    """A server of this test alone, to be stopped, killed and restarted."""
    program = _program(request.param, request).start("--port", str(free_port()))
    yield program
    program.close()


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Folder for screenshots, outside version control."""
    folder = E2E / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Mark what needs Node, from the fixtures that a test asks for."""
    for item in items:
        if "node_path" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.node)
