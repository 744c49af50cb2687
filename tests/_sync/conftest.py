"""A real web server in threads of the test's process, and raw clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import connect
from werkzeug.serving import make_server

from socketio.engine import Engine
from socketio.middleware import WSGIApp

DEADLINE = 10.0

Serve = Callable[..., "Server"]


class Log:
    """What happened, in order, and how to wait for it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = threading.Condition()

    def add(self, *item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, *item: Any) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: item in self.items, DEADLINE), self.items

    def wait_for_count(self, count: int) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.items) >= count, DEADLINE), self.items
            return list(self.items)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Answer:
    """What came back for a request."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """An application under Werkzeug's threaded server, on a port of its own."""

    def __init__(self, app: Any, tls: Any = None) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.scheme = "http" if tls is None else "https"
        self._server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(DEADLINE)
        self._server.server_close()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {}, **options)
            return Answer(connection.getresponse())

    def websocket_url(self, sid: str | None = None) -> str:
        url = f"{self.scheme.replace('http', 'ws')}://127.0.0.1:{self.port}/engine.io/"
        return f"{url}?EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "")


class Poller:
    """A client that polls."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.path = "/engine.io/?EIO=4&transport=polling"
        self.handshake_answer = server.request("GET", self.path)
        packets = self.handshake_answer.text.split("\x1e")
        self.handshake = json.loads(packets[0][1:])
        self.first = packets[1:]
        self.sid: str = self.handshake["sid"]
        self.path += f"&sid={self.sid}"

    def get(self, **headers: str) -> Answer:
        return self.server.request("GET", self.path, headers=headers)

    def post(self, body: Any, **options: Any) -> Answer:
        return self.server.request("POST", self.path, body, **options)

    def get_beside(self) -> Callable[[], Answer]:
        """Begin a GET in another thread; return what waits for its answer."""
        answers: list[Answer] = []
        thread = threading.Thread(target=lambda: answers.append(self.get()))
        thread.start()

        def answer() -> Answer:
            thread.join(DEADLINE)
            return answers[0]

        return answer


def wait_for_poll(engine: Engine, sid: str) -> None:
    """Wait until a client's poll waits for packets."""
    transport: Any = engine.session_of(sid).transport
    until(lambda: transport._poll is not None)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an engine, or an application."""
    servers: list[Server] = []
    engines: list[Engine] = []

    def serve(app: Any, tls: Any = None) -> Server:
        if isinstance(app, Engine):
            engines.append(app)
            app = WSGIApp(app, socketio_path="engine.io")
        servers.append(Server(app, tls))
        return servers[-1]

    yield serve
    for engine in engines:
        engine.config.close_timeout = 0.2
        engine.shutdown()
        engine.runtime.abort_sockets()
    for server in servers:
        server.close()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def echo(log: Log) -> Engine:
    """An engine that sends every message back and notes what happens."""
    engine = Engine(cors_allowed_origins="*")
    register(engine, log)
    return engine


def register(engine: Engine, log: Log) -> None:
    @engine.on("connect")
    def connected(sid: str, environ: dict[str, Any]) -> None:
        log.add("connect", sid)

    @engine.on("message")
    def message(sid: str, data: str | bytes) -> None:
        engine.send(sid, data)

    @engine.on("disconnect")
    def disconnected(sid: str, reason: str) -> None:
        log.add("disconnect", sid, reason)


@pytest.fixture
def open_websocket() -> Iterator[Callable[..., Any]]:
    """Open websockets that are closed with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(url: str, **options: Any) -> Any:
            options.setdefault("compression", None)
            return stack.enter_context(connect(url, close_timeout=1, **options))

        yield open_one
