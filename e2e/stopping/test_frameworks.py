"""What applications emit while they stop arrives, in order, under every framework and server.

Each program is ended by a signal while it has a client. A client of another process, behind the
same Redis, hears what every hook emits; so does the program's own client as long as its framework
has not taken the connection away. After that the others know that the process is gone, because its
manager has said so as the last thing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from brokers import RedisServer, private
from frameworks.servers import E2E, LAUNCH, SCRIPTS, launched
from rig.process import Program

import socketio
from socketio import RedisManager
from socketio.testing.contracts.cluster import Node, wait_for

pytestmark = [pytest.mark.server, pytest.mark.heavy, pytest.mark.xdist_group("stopping")]

PROGRAMS = Path(__file__).parent / "programs"
LEFT = "disconnect handler"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One program, and what is heard of its end.

    Attributes:
        name: Of the test.
        command: What is started.
        told: What a client of another process hears, in order.
        reached: What its own client hears.
        signals: By which it is ended.
        environment: Variables of the program.
        races: Whether its first hook may run before its clients are told or after that.
    """

    name: str
    command: tuple[str, ...]
    told: tuple[str, ...]
    reached: tuple[str, ...] = ()
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
    environment: dict[str, str] = field(default_factory=dict)
    races: bool = False


def uvicorn(factory: str, *told: str) -> Case:
    command = launched(
        *("uvicorn", "--port", "{port}", "--log-level", "warning"),
        *("--factory", f"asgi_program:{factory}"),
    )
    return Case(name=f"{factory}-uvicorn", command=command, told=(LEFT, *told))


def script(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(PROGRAMS / f"{name}_program.py"), *arguments)


def gunicorn(worker: str, *arguments: str, own: bool = True) -> Case:
    """A worker of gunicorn's; its arbiter would pass on a SIGINT as a quick end."""
    options = ("-b", "127.0.0.1:{port}", "--log-level", "warning", "-w", "1", "-k", worker)
    rest = ("-c", str(PROGRAMS / "gunicorn_config.py"), *arguments, "wsgi_program:app")
    return Case(
        name=f"gunicorn-{worker}",
        command=launched("gunicorn", *options, *rest)
        if own
        else (*LAUNCH, sys.executable, "-m", "gunicorn", *options, "--no-control-socket", *rest),
        told=(LEFT, "worker_exit", "atexit"),
        signals=(signal.SIGTERM,),
        races=worker == "gthread",  # the worker may end before we look at it again
        environment={} if own else {"PYTHONPATH": str(E2E / ".tools" / "gunicorn-with-eventlet")},
    )


CASES = (
    uvicorn("create_asgi_app", "shutdown hook"),
    uvicorn("create_wrapped_fastapi", "shutdown hook", "after yield"),
    uvicorn("create_fastapi", "after yield"),
    uvicorn("create_starlette", "after yield"),
    uvicorn("create_litestar", "after yield", "shutdown hook"),
    uvicorn("create_quart", "shutdown hook"),
    uvicorn("create_django"),
    Case(
        name="hypercorn",
        command=launched(
            "hypercorn", "-b", "127.0.0.1:{port}", "asgi_program:create_wrapped_fastapi()"
        ),
        told=(LEFT, "shutdown hook", "after yield"),
    ),
    Case(
        name="granian",
        command=launched(
            *("granian", "--interface", "asgi", "--port", "{port}", "--log-level", "warning"),
            *("--factory", "asgi_program:create_wrapped_fastapi"),
        ),
        told=(LEFT, "shutdown hook", "after yield"),
    ),
    Case(
        name="aiohttp",
        command=script("aiohttp"),
        told=("on_shutdown", LEFT, "after yield", "on_cleanup"),
        reached=("on_shutdown",),
    ),
    Case(
        name="sanic",
        command=script("sanic"),
        told=("before_server_stop", LEFT, "after_server_stop"),
        reached=("before_server_stop",),
    ),
    Case(
        name="tornado",
        command=script("tornado", "--handles"),
        told=("finally", LEFT, "after shutdown"),
        races=True,  # asyncio tells the program at the moment in which we hear of the signal
    ),
    Case(
        name="tornado-by-the-signal",
        command=script("tornado"),
        told=(LEFT,),
        signals=(signal.SIGTERM,),
    ),
    Case(
        name="tornado-cancelled",
        command=script("tornado"),
        told=(LEFT, "finally", "after shutdown"),
        signals=(signal.SIGINT,),
    ),
    Case(name="werkzeug", command=script("wsgi"), told=(LEFT, "atexit"), signals=(signal.SIGINT,)),
    Case(
        name="werkzeug-by-the-signal",
        command=script("wsgi"),
        told=(LEFT,),
        signals=(signal.SIGTERM,),
    ),
    gunicorn("gthread", "--threads", "20"),
    gunicorn("gevent"),
    gunicorn("eventlet", own=False),
    Case(
        name="uwsgi",
        command=(
            *(*LAUNCH, "sh", "-c", 'exec "$0" "$@" 2>&1', str(SCRIPTS / "uwsgi")),
            *("--http", "127.0.0.1:{port}", "--gevent", "100", "--http-websockets", "--master"),
            *("--gevent-early-monkey-patch", "--add-header", "Connection: close"),
            *("--die-on-term", "--disable-logging", "--virtualenv", sys.prefix),
            *("--module", "wsgi_program:app"),
        ),
        told=(LEFT, "uwsgi.atexit"),
        signals=(signal.SIGTERM,),
    ),
)


@pytest.fixture(scope="module")
def broker(need: Any) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer) as server:
        yield server


def each_end() -> list[Any]:
    return [
        pytest.param(case, number, id=f"{case.name}-{number.name}")
        for case in CASES
        for number in case.signals
    ]


@pytest.mark.parametrize(("case", "number"), each_end())
async def test_what_is_emitted_while_it_stops_arrives(
    broker: RedisServer, case: Case, number: signal.Signals
) -> None:
    channel = uuid.uuid4().hex
    node = Node("sync", lambda: RedisManager(broker.url, channel=channel))
    paths = (case.environment.get("PYTHONPATH", ""), PROGRAMS, E2E / "servers")
    environment = {
        "STOPPING_REDIS": broker.url,
        "STOPPING_CHANNEL": channel,
        "PYTHONPATH": os.pathsep.join(str(each) for each in paths if each),
        "DJANGO_SETTINGS_MODULE": "",
    }
    program = Program(case.command, environment)
    client = socketio.AsyncClient(reconnection=False)
    reached: list[str] = []
    client.on("stopping", reached.append)
    try:
        listener = node.client()
        await asyncio.to_thread(program.start)
        await client.connect(program.url, transports=["websocket"], wait_timeout=20)
        await asyncio.to_thread(
            wait_for, lambda: node.manager.health().others == 1, "the other process"
        )
        await asyncio.to_thread(program.stop, number)
        await asyncio.wait_for(client.wait(), 20)
        node.emit("last")
        told = [event[1] for event in await asyncio.to_thread(listener.until, "last")]
        errors = "".join(program.errors)
        if case.races:
            assert sorted(told) == sorted(case.told), errors
            assert told[-1] == case.told[-1], errors
        else:
            assert told == list(case.told), errors
            assert reached == list(case.reached), errors
        assert "Traceback" not in errors, errors
        await asyncio.to_thread(
            wait_for, lambda: node.manager.health().others == 0, "its farewell", 3
        )
    finally:
        await client.disconnect()
        program.close()
        await asyncio.to_thread(node.stop)
