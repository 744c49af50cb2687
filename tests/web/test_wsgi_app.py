"""`WSGIApp`: paths, static files, the application behind it, and the choice of the mode."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import socketio
from socketio.engine import AsyncEngine, Engine
from socketio.middleware import Middleware, WSGIApp
from socketio.plugins import AsyncModeEntry, PluginError, PluginRegistry, hookimpl

HANDSHAKE = "EIO=4&transport=polling"


class Answer:
    """What an application answered."""

    def __init__(self, app: Any, environ: dict[str, Any]) -> None:
        self.headers: dict[str, str] = {}
        self.body = b"".join(app(environ, self._start))

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = int(status.split()[0])
        self.reason = status.partition(" ")[2]
        assert all(type(name) is str and type(value) is str for name, value in headers)
        self.headers = dict(headers)


def ask(app: Any, path: str, query: str = "", method: str = "GET", **environ: Any) -> Answer:
    return Answer(
        app,
        {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            **environ,
        },
    )


def behind(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Another application, which says what it was asked."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"behind {environ['PATH_INFO']}".encode()]


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.shutdown()


# -- paths ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io", "/socket.io/more"])
@pytest.mark.parametrize("socketio_path", ["socket.io", "/socket.io/", "/socket.io"])
def test_requests_for_the_server(engine: Engine, path: str, socketio_path: str) -> None:
    app = WSGIApp(engine, behind, socketio_path=socketio_path)
    answer = ask(app, path, HANDSHAKE)
    assert (answer.status, answer.reason) == (200, "OK")
    assert answer.body.startswith(b"0{")
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert app.engineio_path == "/socket.io/"


@pytest.mark.parametrize(
    "path", ["/", "", "/socket.iox", "/socket", "/x/socket.io/", "/socket.io2/"]
)
def test_requests_for_the_application_behind(engine: Engine, path: str) -> None:
    answer = ask(WSGIApp(engine, behind), path, HANDSHAKE)
    assert answer.body == b"behind " + path.encode()
    assert engine.sockets == {}


def test_a_longer_path(engine: Engine) -> None:
    app = WSGIApp(engine, behind, socketio_path="/my/custom/path/")
    assert ask(app, "/my/custom/path/", HANDSHAKE).body.startswith(b"0{")
    assert ask(app, "/my/custom/", HANDSHAKE).body == b"behind /my/custom/"


def test_the_path_without_its_slash(engine: Engine) -> None:
    app = WSGIApp(engine, behind)
    assert ask(app, "/socket.io", HANDSHAKE).body.startswith(b"0{")
    assert ask(app, "/socket.iox", HANDSHAKE).body == b"behind /socket.iox"


def test_below_a_mount_point(engine: Engine) -> None:
    """Whoever mounts takes the path of the mount point away from the front."""
    app = WSGIApp(engine)

    def mount(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/app", environ["PATH_INFO"][4:]
        return app(environ, start_response)

    answer = ask(mount, "/app/socket.io/", HANDSHAKE)
    sid = json.loads(answer.body[1:])["sid"]
    environ = engine.session_of(sid).environ
    assert (environ["SCRIPT_NAME"], environ["REMOTE_ADDR"]) == ("/app", "192.0.2.7")


def test_the_root_may_be_the_path(engine: Engine) -> None:
    app = WSGIApp(engine, behind, socketio_path="/")
    assert ask(app, "/", HANDSHAKE).body.startswith(b"0{")
    assert ask(app, "/anything", HANDSHAKE).body.startswith(b"0{")


def test_nobody_feels_responsible(engine: Engine) -> None:
    answer = ask(WSGIApp(engine), "/elsewhere")
    assert (answer.status, answer.body) == (404, b"Not Found")
    assert answer.headers["Content-Type"] == "text/plain"


def test_not_found_may_be_overridden(engine: Engine) -> None:
    class Mine(WSGIApp):
        def not_found(self, start_response: Any) -> Iterable[bytes]:
            start_response("410 Gone", [])
            return [b"gone"]

    assert ask(Mine(engine), "/elsewhere").status == 410


# -- static files -----------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<h1>é</h1>", encoding="utf-8")
    (tmp_path / "käse.txt").write_text("Käse", encoding="utf-8")
    (tmp_path / "socket.io").write_text("a file")
    return tmp_path


def test_static_files(engine: Engine, site: Path) -> None:
    files = {"/": f"{site}/"}
    app = WSGIApp(engine, behind, static_files=files)
    assert app.static_files is files
    answer = ask(app, "/")
    assert answer.body.decode() == "<h1>é</h1>"
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["Content-Length"] == "11"
    assert ask(app, "/missing.txt").body == b"behind /missing.txt"
    # The server comes first.
    assert ask(app, "/socket.io", HANDSHAKE).body.startswith(b"0{")


def test_static_files_by_method(engine: Engine, site: Path) -> None:
    app = WSGIApp(engine, static_files={"/": f"{site}/"})
    head = ask(app, "/", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "11")
    known = ask(app, "/", HTTP_IF_NONE_MATCH=head.headers["ETag"])
    assert (known.status, known.reason, known.body) == (304, "Not Modified", b"")
    assert "Content-Length" not in known.headers
    refused = ask(app, "/", method="POST")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_the_path_of_a_file_is_utf_8(engine: Engine, site: Path) -> None:
    app = WSGIApp(engine, static_files={"/": f"{site}/"})
    assert ask(app, "/käse.txt".encode().decode("latin-1")).body.decode() == "Käse"
    assert ask(app, "/k\xe4se.txt").status == 404
    assert ask(app, "/../index.html").status == 404


def test_an_impossible_mapping(engine: Engine) -> None:
    with pytest.raises(TypeError, match="static_files"):
        WSGIApp(engine, static_files={"/": 7})


# -- servers ----------------------------------------------------------------------------------


def test_a_socketio_server() -> None:
    server = socketio.Server()
    app = WSGIApp(server, behind)
    assert app.engineio_app is server
    assert app.wsgi_app is behind
    assert ask(app, "/socket.io/", HANDSHAKE).body.startswith(b"0{")
    assert server.async_mode == "threading"
    server.shutdown()


@pytest.mark.parametrize("make", [socketio.AsyncServer, AsyncEngine])
def test_a_server_for_asyncio_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="wrap that one in ASGIApp"):
        WSGIApp(make())


def test_the_former_name() -> None:
    engine = Engine()
    with pytest.warns(DeprecationWarning, match=r"use socketio\.WSGIApp"):
        app = Middleware(engine, behind, "engine.io")
    assert isinstance(app, WSGIApp)
    assert app.engineio_path == "/engine.io/"
    assert ask(app, "/x").body == b"behind /x"
    engine.runtime.close()


# -- the mode ---------------------------------------------------------------------------------


class GreenPlugin:
    """A plugin with a mode on greenlets, which works where `inside` says so."""

    HOOK_API = 1
    inside = False

    @hookimpl
    def socketio_async_modes(self) -> Iterable[AsyncModeEntry]:
        from socketio.builtin.threading_mode import ThreadingMode

        class GreenMode(ThreadingMode):
            name = "green"

        yield AsyncModeEntry(
            name="green", flavour="sync", load=GreenMode, detect=lambda: self.inside, rank=10
        )


@pytest.mark.parametrize("inside", [True, False])
def test_the_mode_follows_from_where_the_first_request_runs(inside: bool) -> None:
    plugin = GreenPlugin()
    engine = Engine(registry=PluginRegistry([plugin]))
    app = WSGIApp(engine)
    plugin.inside = inside
    assert ask(app, "/socket.io/", HANDSHAKE).status == 200
    assert engine.async_mode == ("green" if inside else "threading")
    plugin.inside = not inside
    assert ask(app, "/socket.io/", HANDSHAKE).status == 200
    assert engine.async_mode == ("green" if inside else "threading")
    engine.shutdown()


def test_a_forced_mode_is_kept() -> None:
    plugin = GreenPlugin()
    plugin.inside = True
    engine = Engine(registry=PluginRegistry([plugin]), async_mode="threading")
    assert ask(WSGIApp(engine), "/socket.io/", HANDSHAKE).status == 200
    assert engine.async_mode == "threading"
    engine.shutdown()


def test_an_impossible_mode_is_refused_at_construction() -> None:
    with pytest.raises(PluginError, match="curio"):
        Engine(async_mode="curio")


def test_eventlets_server_is_there_for_who_has_imported_eventlet() -> None:
    """The manual of python-socketio imports no more than that; others are not made to."""
    pytest.importorskip("eventlet")
    program = (
        "import sys, socketio\n"
        "socketio.WSGIApp(socketio.Server())\n"
        "assert 'eventlet' not in sys.modules\n"
        "import eventlet\n"
        "socketio.WSGIApp(socketio.Server())\n"
        "print(eventlet.wsgi.server.__name__)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30
    )
    assert answer.stdout == "server\n", answer.stderr
