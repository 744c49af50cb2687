"""What a client opens, keeps and leaves: disk, threads, connections of others, in both flavours."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

import socketio
from socketio.exceptions import DisconnectedError

from .conftest import DEADLINE, EngineServer, LoopThread
from .test_faults import Blocking, wait_until

BOTH = ["polling", "websocket"]


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# -- threads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("transport", BOTH)
def test_threads_of_a_client_end_with_it(
    engine_server: EngineServer,
    within: Callable[[float, float], None],
    transport: str,
    answered: bool,
) -> None:
    before = set(threading.enumerate())

    def own() -> list[str]:
        new = set(threading.enumerate()) - before
        return [t.name for t in new if t.name.startswith("socketio")]

    client = socketio.Client(reconnection=False)
    ended = threading.Event()
    client.on("hello", lambda: ended.wait(0.05))
    for _ in range(2):  # the second connection works like the first
        client.connect(engine_server.url, transports=[transport], wait_timeout=DEADLINE)
        engine_server.send('42["hello"]', '420["hello"]')
        client.emit("event")
        engine_server.wait_for('42["event"]')
        assert own()
        if not answered:  # the server takes no notice that we go, and leaves a poll hanging
            engine_server.answer_post = lambda: web.Response(text="ok")
        began = time.monotonic()
        client.disconnect()
        wait_until(lambda: not own())
        within(time.monotonic() - began, 1)
        engine_server.answer_post = None
        if not answered:
            return


# -- silence while sending --------------------------------------------------------------------


class DeafServer:
    """A server that opens a websocket and then neither reads nor says anything."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self._connections.append(connection)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        found = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
        assert found is not None
        digest = hashlib.sha1(found[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        handshake = {"sid": "x", "upgrades": [], "pingInterval": 1000, "pingTimeout": 1000}
        for packet in ("0" + json.dumps(handshake), '40{"sid":"y"}'):
            connection.sendall(bytes([0x81, len(packet)]) + packet.encode())

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._listener.close()


@pytest.fixture
def deaf_server() -> Iterator[DeafServer]:
    server = DeafServer()
    yield server
    server.close()


def test_an_emit_ends_when_the_network_falls_silent(
    deaf_server: DeafServer,
    loop_thread: LoopThread,
    flavour: str,
    within: Callable[[float, float], None],
) -> None:
    client = Blocking(flavour, loop_thread, reconnection=False)
    client.do("connect", deaf_server.url, transports=["websocket"], wait_timeout=DEADLINE)
    began = time.monotonic()
    done = threading.Event()

    def send() -> None:
        with pytest.raises(DisconnectedError):
            client.do("emit", "large", b"x" * 20_000_000)
        done.set()

    threading.Thread(target=send, daemon=True).start()
    assert done.wait(DEADLINE)
    client.wait_for("disconnect", "transport error")
    client.do_engine_wait()
    within(time.monotonic() - began, 8)


# -- children ---------------------------------------------------------------------------------

FORK = """
import asyncio, os, sys, time
import socketio

url, transport, flavour = sys.argv[1:]

def fork():
    pid = os.fork()
    if pid == 0:
        return True
    assert os.waitpid(pid, 0)[1] == 0
    return False

def sync():
    sio = socketio.Client(reconnection=False)
    sio.connect(url, transports=[transport], wait_timeout=20)
    if fork():
        try:
            sio.emit("from the child")
        except RuntimeError as error:
            assert "before the process forked" in str(error)
            sys.exit(0)
        sys.exit("it was sent")
    sio.emit("after")
    assert sio.connected
    time.sleep(3600)

async def asynchronous():
    sio = socketio.AsyncClient(reconnection=False)
    await sio.connect(url, transports=[transport], wait_timeout=20)
    if fork():
        sys.exit(0)
    await sio.emit("after")
    assert sio.connected
    await asyncio.sleep(3600)

sync() if flavour == "sync" else asyncio.run(asynchronous())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("transport", BOTH)
def test_a_child_that_ends_says_nothing_on_the_connections_of_its_parent(
    engine_server: EngineServer, flavour: str, transport: str
) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", FORK, engine_server.url, transport, flavour],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        engine_server.wait_for('42["after"]')
    finally:
        program.kill()
        error = program.communicate()[1]
    assert "AssertionError" not in error, error
    assert not {"1", "41"} & set(engine_server.received)
    assert '42["from the child"]' not in engine_server.received


# -- disk in the loop -------------------------------------------------------------------------

DISK = """
import asyncio, ssl, sys, threading
from socketio import AsyncClient

url, trusted = sys.argv[1], eval(sys.argv[2])
opened, loaded, loop_thread = [], [], threading.get_ident()
watching = False

def hook(event, arguments):
    if watching and event in ("open", "import") and threading.get_ident() == loop_thread:
        opened.append((event, str(arguments[0])))

def watched(name):
    original = getattr(ssl.SSLContext, name)
    def method(self, *args, **kwargs):
        if watching:
            loaded.append(threading.get_ident() == loop_thread)
        return original(self, *args, **kwargs)
    return method

for name in ("load_default_certs", "load_verify_locations", "set_default_verify_paths"):
    setattr(ssl.SSLContext, name, watched(name))

async def main():
    global watching
    watching = True
    sio = AsyncClient(reconnection=False, ssl_verify=trusted)
    await sio.connect(url, wait_timeout=20)
    await sio.emit("event")
    await sio.disconnect()
    watching = False
    print(opened, loaded)

sys.addaudithook(hook)
asyncio.run(main())
"""


@pytest.mark.parametrize("verify", ["nothing", "file"])
def test_a_client_in_a_running_loop_reads_no_files_there(
    loop_thread: LoopThread, tmp_path: Path, verify: str
) -> None:
    import ssl

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = EngineServer(loop_thread, tls=context)
    server.handshake["upgrades"] = ["websocket"]
    trusted = False if verify == "nothing" else str(tmp_path / "ca.pem")
    program = subprocess.run(
        [sys.executable, "-c", DISK, server.url, repr(trusted)],
        capture_output=True,
        text=True,
        timeout=DEADLINE * 2,
    )
    server.close()
    assert program.returncode == 0, program.stderr
    expected = "[] []" if verify == "nothing" else "[] [False]"
    assert program.stdout.strip() == expected


PREPARED = """
import asyncio, sys, threading
import socketio

name, wanted = sys.argv[1:]
opened, loop_thread = [], threading.get_ident()
watching = False

def hook(event, arguments):
    if watching and event in ("open", "import") and threading.get_ident() == loop_thread:
        opened.append((event, str(arguments[0])))

async def main():
    global watching
    watching = True
    await (socketio.prepare() if wanted == "all" else socketio.prepare(name))
    made = getattr(socketio, name)()
    if name == "AsyncServer":
        socketio.ASGIApp(made)
    watching = False
    print(opened)

sys.addaudithook(hook)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("AsyncServer", "all"), ("AsyncClient", "all"), ("AsyncSimpleClient", "its own")],
)
def test_what_was_prepared_is_not_read_in_the_loop(name: str, wanted: str) -> None:
    program = subprocess.run(
        [sys.executable, "-c", PREPARED, name, wanted],
        capture_output=True,
        text=True,
        timeout=DEADLINE * 3,
    )
    assert program.stdout.strip() == "[]", program.stderr


async def test_what_does_not_exist_cannot_be_prepared() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'AsyncCleint'"):
        await socketio.prepare("AsyncCleint")


# -- without the extras -----------------------------------------------------------------------

BLOCKED = """
import sys

class Blocker:
    names = {"engineio", "simple_websocket", "wsproto", "h11", "requests", "websocket", "aiohttp"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def without_extras(code: str) -> str:
    program = subprocess.run(
        [sys.executable, "-c", BLOCKED + code], capture_output=True, text=True, timeout=60
    )
    assert program.returncode == 0, program.stderr
    return program.stdout


def test_servers_need_nothing_of_the_clients() -> None:
    shown = without_extras("""
import asyncio
import socketio
from socketio.testing import AsyncTestClient, TestClient

threads = socketio.Server()
threads.on("echo", lambda sid, data: data)
socketio.WSGIApp(threads)
client = TestClient(threads)
client.connect()
print(client.call("echo", "threads"))

sio = socketio.AsyncServer()
socketio.ASGIApp(sio)
sio.on("echo", lambda sid, data: data)

async def main():
    client = AsyncTestClient(sio)
    await client.connect()
    print(await client.call("echo", "loop"))

asyncio.run(main())
""")
    assert shown.split() == ["['threads']", "['loop']"]


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_a_client_without_its_extra_says_what_to_install(name: str) -> None:
    shown = without_extras(f"""
from socketio import *
import socketio

class Mine(socketio.{name}):
    pass

try:
    Mine()
except ImportError as error:
    print(error, "|", error.name)
""")
    extra = "client" if name == "Client" else "asyncio-client"
    assert f"pip install 'socketio[{extra}]' | " in shown
