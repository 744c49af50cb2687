"""`sio.attach(app)` in a real application of every framework, which keeps working as it did."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from frameworks.matrix import FRAMEWORKS, Framework
from rig.process import Program, wait_until_idle
from rig.wire import DEADLINE, EngineSession, Peer, RawConnection

HERE = Path(__file__).parent
PYTHONPATH = f"{HERE / 'applications'}:{HERE.parent / 'servers'}"
PYTHON = os.environ.get("SOCKETIO_E2E_FRAMEWORKS_PYTHON", sys.executable)
"""The Python that runs the applications: `make frameworks-oldest` names one of an environment
with the oldest frameworks that the extras allow."""
PATHS = ("socket.io", "deep/er/io")
PREFIX = "mounted"
ORIGIN = "http://page.example"
STOP_WITHIN = 2.0
"""Seconds from the signal to the end of the process, with clients connected."""

pytestmark = pytest.mark.server


def frameworks(condition: Callable[[Framework], bool] = lambda framework: True) -> Any:
    """Run a test for the frameworks that have something."""
    return pytest.mark.parametrize(
        "framework",
        [
            pytest.param(
                framework, id=framework.name, marks=pytest.mark.xdist_group(framework.name)
            )
            for framework in FRAMEWORKS
            if condition(framework)
        ],
    )


@pytest.fixture(scope="module")
def programs(need: Any) -> Iterator[Callable[[Framework], Program]]:
    running: dict[str, Program] = {}

    def start(framework: Framework, *, shared: bool = True) -> Program:
        if shared and framework.name in running:
            return running[framework.name]
        if sys.executable == PYTHON:
            try:
                importlib.metadata.version(framework.distribution)
            except importlib.metadata.PackageNotFoundError:
                need(framework.distribution, None, f"pip install {framework.distribution}")
        script = HERE / "applications" / f"{framework.name}_app.py"
        program = Program((PYTHON, str(script)), {"PYTHONPATH": PYTHONPATH}).start()
        if shared:
            running[framework.name] = program
        return program

    yield start
    for program in running.values():
        program.kill()


@pytest.fixture
def program(framework: Framework, programs: Any) -> Iterator[Program]:
    """The framework's application, which must not crash."""
    running: Program = programs(framework)
    before = len(running.errors)
    yield running
    assert running.process.poll() is None, "".join(running.errors)
    assert not running.crashes(before), running.crashes(before)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def talk(http: aiohttp.ClientSession, url: str, path: str, transport: str) -> Peer:
    """Connect, have something echoed, and return the client."""
    client = await Peer(EngineSession(http, url, path), transport).open()
    await client.connect()
    await client.emit("echo", "hello")
    assert await client.event() == ["echo", "hello"]
    return client


@frameworks()
async def test_own_pages_go_on(
    framework: Framework, program: Program, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{program.url}/own") as answer:
        assert (answer.status, await answer.text()) == (200, "own page")
        assert answer.headers["X-Own"] == "yes"
    for missing in ("/nothing", "/socket.iox/", "/own/socket.io/"):
        async with http.get(f"{program.url}{missing}?EIO=4&transport=polling") as answer:
            assert answer.status == 404


@frameworks()
@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_path_is_served(
    program: Program, http: aiohttp.ClientSession, path: str, transport: str
) -> None:
    """Trap 41."""
    await talk(http, program.url, path, transport)


@frameworks()
async def test_upgrades(program: Program, http: aiohttp.ClientSession) -> None:
    client = await talk(http, program.url, "socket.io", "polling")
    await client.engine.upgrade()
    await client.emit("echo", "upgraded")
    assert await client.event() == ["echo", "upgraded"]


@frameworks(lambda framework: framework.mounts)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_mounted_application(
    program: Program, http: aiohttp.ClientSession, transport: str
) -> None:
    """Trap 41."""
    await talk(http, program.url, f"{PREFIX}/socket.io", transport)
    entry = program.journal.wait(event="connect", server="mounted")
    environ = entry["environ"]
    # aiohttp's subapplications have the whole path, as everything in aiohttp has.
    whole = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    assert whole == f"/{PREFIX}/socket.io/"


@frameworks()
@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_environ(
    framework: Framework, program: Program, http: aiohttp.ClientSession, transport: str
) -> None:
    """Trap 42."""
    mark = f"{framework.name}-{transport}"
    headers = {"X-Test": mark, "Cookie": "a=1; b=2"}
    url = f"{program.url}/socket.io/"
    query = f"EIO=4&transport={transport}&own=%C3%A9"
    if transport == "polling":
        async with http.get(f"{url}?{query}", headers=headers) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with http.post(f"{url}?{query}&sid={sid}", data="40") as answer:
            assert await answer.text() == "ok"
    else:
        socket = await http.ws_connect(f"{url}?{query}", headers=headers)
        await socket.send_str("40")
    deadline = asyncio.get_running_loop().time() + DEADLINE
    while True:
        found = [
            entry
            for entry in program.journal.all(event="connect")
            if entry["environ"].get("HTTP_X_TEST") == mark
        ]
        if found:
            break
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    [entry] = found
    environ = entry["environ"]
    assert entry["mode"] == framework.mode
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["PATH_INFO"] == "/socket.io/"
    assert environ.get("SCRIPT_NAME", "") == ""
    assert environ["QUERY_STRING"] == query
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == f"127.0.0.1:{program.port}"
    assert environ["SERVER_PORT"] == str(program.port)
    if framework.key is not None:  # else it is the WSGI server's own environ
        assert int(environ["REMOTE_PORT"]) > 1000
        assert entry["keys"] == [framework.key]


@frameworks()
async def test_bodies_longer_than_the_framework_allows(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """The limit is the server's `max_http_buffer_size`; applications have 1,000 bytes."""
    client = await talk(http, program.url, "socket.io", "polling")
    await client.emit("echo", "x" * 200_000)
    assert await client.event() == ["echo", "x" * 200_000]


@frameworks()
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_pages_of_another_origin(
    program: Program, http: aiohttp.ClientSession, method: str
) -> None:
    url = f"{program.url}/deep/er/io/?EIO=4&transport=polling"
    headers = {"Origin": ORIGIN}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "POST"
    async with http.request(method, url, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers.getall("Access-Control-Allow-Origin") == [ORIGIN]
        assert answer.headers.getall("Access-Control-Allow-Credentials") == ["true"]
    headers["Origin"] = "http://other.example"
    async with http.request(method, url, headers=headers) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers


@frameworks()
@pytest.mark.parametrize("sid", [None, "unknown"], ids=["session", "unknown"])
async def test_bodies_that_never_end(
    program: Program, http: aiohttp.ClientSession, sid: str | None
) -> None:
    """Whether they are wanted or not, and whatever the framework does with what was not read."""
    client = await talk(http, program.url, "deep/er/io", "polling")
    query = f"EIO=4&transport=polling&sid={sid or client.engine.sid}"
    connection = await RawConnection.open(program.url)
    await connection.send(
        f"POST /deep/er/io/?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n4"
    )
    answer = await connection.answer()
    await connection.close()
    assert (answer.status, answer.error["code"]) == ((400, 1) if sid else (408, 3))
    if sid is None:
        sid = client.sids["/"]
        entry = await asyncio.to_thread(program.journal.wait, event="disconnect", sid=sid)
        assert entry["reason"] == "transport error"


@frameworks()
async def test_a_websocket_for_nobody(program: Program, http: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{program.url}/nothing/")
    assert refused.value.status in {400, 403, 404}


@frameworks(lambda framework: framework.sessions)
async def test_sessions_go_on(program: Program, http: aiohttp.ClientSession) -> None:
    jar = aiohttp.CookieJar(unsafe=True)  # which takes cookies of an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        for expected in ("1", "2", "3"):
            async with browser.get(f"{program.url}/count") as answer:
                assert await answer.text() == expected
            await talk(browser, program.url, "socket.io", "polling")


@frameworks()
def test_what_attach_returns(framework: Framework, program: Program) -> None:
    returned = {entry["path"]: entry["same"] for entry in program.journal.all(event="attached")}
    assert returned == dict.fromkeys(PATHS, framework.same)


@frameworks()
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
async def test_stops(
    framework: Framework,
    programs: Any,
    http: aiohttp.ClientSession,
    within: Callable[[float, float], None],
    number: signal.Signals,
) -> None:
    """The framework's hooks run, clients are told, and the process ends."""
    program = await asyncio.to_thread(programs, framework, shared=False)
    try:
        path = f"{PREFIX}/socket.io" if framework.mounts else "socket.io"
        polling = await talk(http, program.url, "socket.io", "polling")
        websocket = await talk(http, program.url, path, "websocket")
        poll = asyncio.create_task(polling.engine.request())
        closed = asyncio.create_task(websocket.engine.gone())
        if framework.hooks:
            assert len(program.journal.all(event="startup")) == 1
        await asyncio.sleep(0.05)  # not a wait for anything: the poll is to be there first
        await asyncio.to_thread(wait_until_idle, program.process.pid)
        took = await asyncio.to_thread(program.stop, number)
        assert (await poll).status == 200
        await closed
        within(took, STOP_WITHIN)
        reasons = [entry["reason"] for entry in program.journal.all(event="disconnect")]
        assert reasons == ["server disconnect"] * 2
        if framework.hooks:
            assert len(program.journal.all(event="shutdown")) == 1
        assert not program.crashes(), program.crashes()
    finally:
        if program.process.poll() is None:
            program.kill()
