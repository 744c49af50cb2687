"""Clients under test, in both flavours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers.process import free_port
from rig.client import FLAVOURS, FlavouredClient, LoopThread
from rig.process import Program

HERE = Path(__file__).parent


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    """``sync`` or ``async``."""
    return str(request.param)


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    """Where clients of the asyncio flavour run."""
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture
def make_client(flavour: str, loop_thread: LoopThread) -> Iterator[Callable[..., FlavouredClient]]:
    """Make clients that are disconnected at the end."""
    clients: list[FlavouredClient] = []

    def make(**kwargs: Any) -> FlavouredClient:
        client = FlavouredClient(flavour, loop_thread, **kwargs)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.disconnect()


@pytest.fixture(scope="session")
def js(node_path: str) -> Iterator[Program]:
    """The JavaScript server of these tests."""
    program = Program([node_path, str(HERE / "peer_server.mjs")]).start()
    yield program
    program.kill()


@pytest.fixture
def own_js(node_path: str) -> Iterator[Program]:
    """A JavaScript server of this test alone, to be stopped and restarted."""
    program = Program([node_path, str(HERE / "peer_server.mjs")])
    program.start("--port", str(free_port()))
    yield program
    if program.process.poll() is None:
        program.kill()
