"""Log lines: what a peer has sent stays within its line, and no secret stands in one."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from werkzeug.serving import WSGIRequestHandler, make_server

import socketio
from socketio._core.logs import MAX_SHOWN, escaped, log_id

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 20.0
HOSTILE = "evil\r\nERROR forged\x1b[31m\x00\u2028\u202e\x85 \ud83d"
"""What would begin a line, colour a terminal, turn text around, and break a log file."""
IN_A_QUERY = "evil%0d%0aERROR%20forged%1b%5b31m%e2%80%a8"

# -- the function ---------------------------------------------------------------------------------


def test_what_moves_a_cursor_is_escaped() -> None:
    shown = escaped(HOSTILE)
    assert shown.isprintable() and shown.encode()
    assert shown == (r"evil\r\nERROR forged\x1b[31m\x00\u2028\u202e\x85 \ud83d")
    assert escaped("Grüße, 世界 🎉") == "Grüße, 世界 🎉"
    assert len(escaped("\n" * 100_000)) < 3 * MAX_SHOWN
    assert escaped(ValueError("a\nb")) == r"a\nb"


def test_an_engine_id_in_an_address_is_left_out() -> None:
    url = "Max retries exceeded with url: /socket.io/?transport=polling&EIO=4&sid=abc-_1&t=2 (x)"
    assert "abc-_1" not in escaped(url)
    assert escaped(url).endswith("sid=…&t=2 (x)")


def test_the_name_in_the_log_says_nothing_of_the_id() -> None:
    assert log_id("abc") == log_id("abc") != log_id("abd")
    assert "abc" not in log_id("abc")
    log_id("\ud83d")  # whatever an application asks for


# -- a session with hostile strings ---------------------------------------------------------------


class Records(logging.Handler):
    """Keeps what every logger says, from whatever thread."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture
def records() -> Iterator[Records]:
    handler = Records()
    names = ["", "socketio", "socketio.server", "socketio.client", "engineio"]
    names += ["engineio.server", "engineio.client", "socketio.runtimes", "aiohttp", "asyncio"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    # The addresses of requests are logged by the libraries of our peers; see the how-to.
    quiet = [logging.getLogger(name) for name in ("urllib3", "httpx", "httpcore", "websockets")]
    for logger in quiet:
        logger.setLevel(logging.WARNING)
    yield handler
    logging.getLogger().removeHandler(handler)
    for logger in quiet:
        logger.setLevel(logging.NOTSET)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class Quiet(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing: what is tested is what we say."""


def threaded() -> socketio.Server:
    sio = socketio.Server(logger=True, engineio_logger=True, namespaces="*")

    def anything(event: str, namespace: str, sid: str, *args: Any) -> Any:
        if event == "fail":
            raise ValueError("no")
        sio.enter_room(sid, HOSTILE, namespace)
        sio.emit(HOSTILE, args, to=HOSTILE, namespace=namespace, callback=lambda *_: None)
        sio.leave_room(sid, HOSTILE, namespace)
        sio.close_room(HOSTILE, namespace)
        return HOSTILE

    sio.on("*", anything, namespace="*")
    sio.on("connect", lambda *args: None, namespace="*")
    return sio


def asynchronous() -> socketio.AsyncServer:
    sio = socketio.AsyncServer(logger=True, engineio_logger=True, namespaces="*")

    async def anything(event: str, namespace: str, sid: str, *args: Any) -> Any:
        if event == "fail":
            raise ValueError("no")
        await sio.enter_room(sid, HOSTILE, namespace)
        await sio.emit(HOSTILE, args, to=HOSTILE, namespace=namespace, callback=lambda *_: None)
        await sio.leave_room(sid, HOSTILE, namespace)
        await sio.close_room(HOSTILE, namespace)
        return HOSTILE

    sio.on("*", anything, namespace="*")
    sio.on("connect", lambda *args: None, namespace="*")
    return sio


@contextlib.contextmanager
def serving(flavour: str) -> Iterator[tuple[Any, str]]:
    """Serve a server of a flavour over real sockets; gives it and its URL."""
    if flavour == "threads":
        sync = threaded()
        server = make_server(
            "127.0.0.1", 0, socketio.WSGIApp(sync), threaded=True, request_handler=Quiet
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield sync, f"http://127.0.0.1:{server.port}"
        finally:
            sync.shutdown()
            server.shutdown()
            thread.join()
            server.server_close()
        return
    web = pytest.importorskip("aiohttp.web", reason="pip install 'socketio-web[aiohttp]'")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(DEADLINE)

    async def start() -> Any:
        sio = asynchronous()
        sio.attach(app := web.Application())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return sio, runner, site._server.sockets[0].getsockname()[1]

    sio, runner, port = run(start())
    try:
        yield sio, f"http://127.0.0.1:{port}"
    finally:
        run(sio.shutdown())
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def wire(text: Any) -> str:
    """Return JSON that only has ASCII in it."""
    return json.dumps(text)


def misbehave(url: str) -> list[str]:
    """Do what a client may do to a log; returns the engine ids that it was given."""
    base = f"{url}/socket.io/?EIO=4&transport=polling"
    ids = []
    # A namespace is no JSON: a body is one line of UTF-8, in which anything may stand.
    namespace = "/evil\nERROR forged\x1b[31m\u2028"
    with httpx.Client(timeout=DEADLINE) as http:
        for query in (
            f"EIO={IN_A_QUERY}&transport=polling",
            f"EIO=4&transport={IN_A_QUERY}",
            f"EIO=4&transport=polling&sid={IN_A_QUERY}",
            f"EIO=4&transport=polling&j={IN_A_QUERY}",
        ):
            assert http.get(f"{url}/socket.io/?{query}").status_code == 400
        forged = {"Origin": b"http://evil\xff\x85ERROR forged"}
        assert http.get(base, headers=forged).status_code in (400, 403)

        def open_session(query: str = "") -> str:
            answer = http.get(f"{base}&x={IN_A_QUERY}{query}", headers={"User-Agent": b"\x85\xff"})
            ids.append(json.loads(answer.text[1:])["sid"])
            return f"{base}&sid={ids[-1]}"

        def post(address: str, body: str) -> int:
            return http.post(address, content=body.encode()).status_code

        address = open_session()
        assert post(address, f"40{namespace},{wire({HOSTILE: HOSTILE})}") == 200
        text = http.get(address).text
        assert text.startswith("40"), text
        assert post(address, f"42{namespace},7[{wire(HOSTILE)},{wire(HOSTILE)}]") == 200
        assert post(address, f'42{namespace},["fail"]') == 200
        assert post(address, f"43{namespace},99[1]") == 200
        http.get(address)
        with connect(address.replace("http", "ws", 1).replace("polling", "websocket")) as socket:
            socket.send("2probe")
            assert socket.recv(DEADLINE) == "3probe"
            socket.send("5")
            socket.send(f"42{namespace},8[{wire(HOSTILE)}]")
            while not str(socket.recv(DEADLINE)).startswith(f"43{namespace},8"):
                pass
            assert http.get(address).status_code == 400
            socket.send(f"9{HOSTILE[:-1]}")
            with contextlib.suppress(WebSocketException):
                while True:
                    socket.recv(DEADLINE)
        for body in (
            f"42{namespace},{wire(HOSTILE)}",
            f"42{namespace}",
            f"40/{HOSTILE[:-1]},[",
            f"4{HOSTILE[:-1]}",
            f"451-{HOSTILE[:-1]}",
            f'42["connect",{wire(HOSTILE)}]',
            f"b{HOSTILE[:-1]}",
        ):
            assert post(open_session(), body) == 400
        with connect(open_session().replace("http", "ws", 1).replace("polling", "websocket")) as no:
            no.send(HOSTILE[:-1])
            with contextlib.suppress(WebSocketException):
                no.recv(DEADLINE)
        assert http.put(open_session()).status_code in (400, 404, 405)
    return ids


@pytest.mark.parametrize("flavour", ["asyncio", "threads"])
def test_a_client_writes_no_lines_of_its_own(flavour: str, records: Records) -> None:
    with serving(flavour) as (_, url):
        ids = misbehave(url)
    assert len(ids) == 10
    assert len(records.lines) > 50 and any("evil" in line for line in records.lines)
    assert [line for line in records.lines if not line.isprintable()] == []
    assert [line for line in records.lines if any(sid in line for sid in ids)] == []
    for name in map(log_id, ids):
        assert any(name in line for line in records.lines)


@pytest.mark.parametrize("flavour", ["asyncio", "threads"])
def test_a_server_writes_no_lines_into_the_log_of_a_client(flavour: str, records: Records) -> None:
    sids: list[str] = []

    def threads(url: str) -> None:
        client = socketio.Client(logger=True, engineio_logger=True)
        client.on("*", lambda *args: HOSTILE, namespace="/x")
        client.connect(url, namespaces=["/x"], auth={"a": HOSTILE})
        sids.append(client.eio.sid)
        assert client.call(HOSTILE, HOSTILE, namespace="/x", timeout=DEADLINE)
        client.disconnect()

    async def loop(url: str) -> None:
        client = socketio.AsyncClient(logger=True, engineio_logger=True)
        client.on("*", lambda *args: HOSTILE, namespace="/x")
        await client.connect(url, namespaces=["/x"], auth={"a": HOSTILE})
        sids.append(client.eio.sid)
        assert await client.call(HOSTILE, HOSTILE, namespace="/x", timeout=DEADLINE)
        await client.disconnect()

    with serving("threads") as (_, url):
        threads(url) if flavour == "threads" else asyncio.run(loop(url))
    said = [line for line in records.lines if ".client" in line]
    assert sum("evil" in line for line in said) > 3
    assert [line for line in records.lines if not line.isprintable()] == []
    assert [line for line in records.lines if sids[0] in line] == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"connection": "close", "sec-websocket-version": "13"},
        {"connection": "upgrade", "sec-websocket-version": "8"},
        {"connection": "upgrade", "sec-websocket-version": "13", "sec-websocket-key": "*"},
    ],
)
async def test_no_client_can_say_that_the_server_has_no_websockets(
    headers: dict[str, str], records: Records
) -> None:
    """An ASGI server hands a wrong upgrade on as a plain request."""
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/socket.io/",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [
            (name.encode(), value.encode())
            for name, value in {"upgrade": "websocket", **headers}.items()
        ],
    }
    sio = socketio.AsyncServer(logger=True, engineio_logger=True)
    await socketio.ASGIApp(sio)(scope, lambda: None, send)
    assert sent[0]["status"] == 400 and b"Invalid websocket upgrade" in sent[1]["body"]
    assert not any("cannot serve" in line for line in records.lines)
    await sio.shutdown()


# -- every call that logs -----------------------------------------------------------------------

METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
FAILURES = {"failed", "_handler_failed"}
OURS = {
    "self._name": "a manager's class",
    "self.name": "a transport's or a manager's",
    "self._url": "the broker's, without its password",
    "type(manager).__name__": "a class",
    "note": "a number in words",
    "sid": "a client's Socket.IO id, which is made here and is no secret",
    "member.sid": "the same",
    "reason": "one of `Reason`",
    "what": "a method of ours, or a word that the Admin UI may not say",
    "event": "an event of the engine, of which there are three",
    "phase": "startup or shutdown",
    "message['method']": "one of our own",
    "self._state.value": "one of an enumeration",
    "state.value": "one of an enumeration",
    "method": "GET or POST",
    "transport.capitalize()": "polling or websocket",
    "self.transports[0]": "the same",
    "packet_names[packet_type]": "one of a table",
    "FLUSH_TIMEOUT": "a number",
    "self.engine.config.stall_timeout": "a number",
    "shown": "escaped where it is made",
    "whom": "escaped where it is made",
    "session.transport_name": "of a plugin that is installed",
    "self.async_mode": "of a plugin that is installed",
    "remedy and f'; {remedy}'": "of an async mode",
    "escaped(data) if isinstance(data, str) else '<binary>'": "escaped",
    "escaped(', '.join(expected)) or 'one that the function accepts'": "escaped",
    "'' if self._headers else '=[], and check_origin=False if somebody else checks it'": "ours",
}
"""What stands for a `%s` without being escaped, and why it may."""

SOURCES = [
    path
    for folder in (ROOT / "socketio", *ROOT.glob("plugins/*/socketio_*"))
    for path in sorted(folder.rglob("*.py"))
    if not {"_sync", "testing"} & set(path.relative_to(ROOT).parts)
]


def calls_that_log(tree: ast.AST) -> Iterator[list[ast.expr]]:
    """Give the format and the arguments of each call that writes a record."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        of = ast.unparse(function.value).lower() if isinstance(function, ast.Attribute) else ""
        if not (name in FAILURES or (name in METHODS and of.endswith(("logger", "logger()")))):
            continue
        flat = [
            each
            for argument in node.args
            for each in (
                argument.value.elts
                if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple)
                else [argument]
            )
        ]
        for index, each in enumerate(flat):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield flat[index:]
                break
        else:
            assert all(isinstance(each, ast.Name | ast.Starred | ast.Attribute) for each in flat), (
                f"line {node.lineno}: a format that is no constant"
            )


def conversions(text: str) -> list[str]:
    """Return the letter of each conversion of a format, in order."""
    import re

    return re.findall(r"%[-#0-9.]*([a-z])", text.replace("%%", ""))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_in_a_log_line_is_escaped_or_ours(path: Path) -> None:
    for text, *arguments in calls_that_log(ast.parse(path.read_text("utf-8"))):
        assert isinstance(text, ast.Constant)
        letters = conversions(text.value)
        assert len(letters) == len(arguments), f"{text.value!r}: as many arguments as conversions"
        for letter, argument in zip(letters, arguments, strict=True):
            said = ast.unparse(argument)
            names_it = said.endswith(("session.sid", "self.sid", "eio_sid", "handshake.sid"))
            assert not names_it, f"{text.value!r}: {said} is a secret; log its log_id"
            if letter == "s":
                escapes = said.startswith(("escaped(", "log_id(")) or said.endswith(".log_id")
                assert escapes or said in OURS, f"{text.value!r}: escape {said}"


def test_the_reasons_are_of_what_is_logged() -> None:
    said = {
        ast.unparse(argument)
        for path in SOURCES
        for _, *arguments in calls_that_log(ast.parse(path.read_text("utf-8")))
        for argument in arguments
    }
    assert set(OURS) - said == set()
