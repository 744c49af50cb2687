"""Long-polling in threads, by raw HTTP under a real server."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import ssl
import time
from typing import Any

import pytest
import trustme

from socketio.engine import Engine

from .conftest import DEADLINE, Log, Poller, Serve, until, wait_for_poll


def test_the_handshake(serve: Serve) -> None:
    engine = Engine(cookie="io", max_http_buffer_size=5000)
    client = Poller(serve(engine))
    answer = client.handshake_answer
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Set-Cookie"] == f"io={client.sid}; path=/; SameSite=Lax"
    assert client.handshake == {
        "sid": client.sid,
        "upgrades": ["websocket"],
        "pingTimeout": 20000,
        "pingInterval": 25000,
        "maxPayload": 5000,
    }


def test_what_the_connect_handler_sends_comes_after_the_handshake(serve: Serve) -> None:
    engine = Engine()
    engine.on("connect", lambda sid, environ: engine.send(sid, environ["REMOTE_ADDR"]))
    assert Poller(serve(engine)).first == ["4127.0.0.1"]


def test_a_get_waits_for_a_packet(serve: Serve, echo: Engine, log: Log) -> None:
    client = Poller(serve(echo))
    answer = client.get_beside()
    client.post("4hello")
    assert answer().text == "4hello"


def test_a_get_ends_when_nobody_pings(serve: Serve) -> None:
    engine = Engine(monitor_clients=False, ping_interval=0.05, ping_timeout=0.05)
    client = Poller(serve(engine))
    assert client.get().text == "6"
    assert client.get().text == "6"
    assert client.sid in engine.sockets


def test_the_client_closes(serve: Serve, echo: Engine, log: Log) -> None:
    client = Poller(serve(echo))
    answer = client.get_beside()
    wait_for_poll(echo, client.sid)
    assert client.post("1").text == "ok"
    assert answer().text == "6"
    log.wait_for("disconnect", client.sid, "client disconnect")


def test_two_gets_at_once(serve: Serve, echo: Engine, log: Log) -> None:
    client = Poller(serve(echo))
    first = client.get_beside()
    wait_for_poll(echo, client.sid)
    assert client.get().status == 400
    assert first().text == "1"
    log.wait_for("disconnect", client.sid, "transport error")


def test_two_posts_at_once(serve: Serve, echo: Engine, log: Log) -> None:
    server = serve(echo)
    client = Poller(server)
    with socket.create_connection(("127.0.0.1", server.port)) as first:
        head = f"POST {client.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n4h"
        first.sendall(head.encode())
        transport: Any = echo.session_of(client.sid).transport
        until(lambda: transport._posting)
        assert client.post("4x").status == 400
        log.wait_for("disconnect", client.sid, "transport error")


@pytest.mark.parametrize(
    ("method", "query", "status", "code"),
    [
        ("GET", "EIO=4", 400, 0),
        ("GET", "EIO=4&transport=carrier-pigeon", 400, 0),
        ("GET", "EIO=4&transport=polling&sid=unknown", 400, 1),
        ("POST", "EIO=4&transport=polling", 400, 2),
        ("PUT", "EIO=4&transport=polling", 400, 2),
        ("GET", "EIO=4&transport=websocket", 400, 3),
        ("GET", "EIO=3&transport=polling", 400, 5),
        ("GET", "transport=polling", 400, 5),
        ("GET", "EIO=4&transport=polling&j=x", 400, 3),
    ],
)
def test_bad_requests(
    serve: Serve, echo: Engine, method: str, query: str, status: int, code: int
) -> None:
    answer = serve(echo).request(method, f"/engine.io/?{query}")
    assert answer.status == status
    assert answer.json["code"] == code
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("body", ["x", "9", "", "bnot base64!", "2", "0{}", b"\xff\xfe", "4a\x1e"])
def test_a_bad_payload_ends_the_session(
    serve: Serve, echo: Engine, log: Log, body: str | bytes
) -> None:
    client = Poller(serve(echo))
    assert client.post(body).status == 400
    log.wait_for("disconnect", client.sid, "transport error")


def test_another_method_ends_the_session(serve: Serve, echo: Engine, log: Log) -> None:
    client = Poller(serve(echo))
    assert client.server.request("PUT", client.path).status == 400
    log.wait_for("disconnect", client.sid, "transport error")


def test_a_refused_body_is_answered_though_the_client_still_sends_it(serve: Serve) -> None:
    """A connection that is closed with unread bytes is reset, and the answer is lost."""
    server = serve(Engine(max_http_buffer_size=1000))
    for _ in range(30):
        assert Poller(server).post(b"4" + b"x" * 3_000_000).status == 413


@pytest.mark.parametrize("size", [999, 1000])
def test_a_body_of_the_full_size(serve: Serve, size: int) -> None:
    engine = Engine(max_http_buffer_size=1000)
    engine.on("message", lambda sid, data: engine.send(sid, str(len(data))))
    client = Poller(serve(engine))
    assert client.post("4" + "x" * (size - 1)).status == 200
    assert client.get().text == f"4{size - 1}"


def test_a_body_that_is_too_long_is_refused_by_its_announcement(
    serve: Serve, echo: Engine, log: Log
) -> None:
    echo.config.max_http_buffer_size = 1000
    server = serve(echo)
    client = Poller(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
        head = f"POST {client.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n4hel"
        connection.sendall(head.encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 413
        assert json.loads(response.read())["code"] == 3
        # The server's thread does not wait for the rest: the connection is over.
        assert connection.recv(1) == b""
    log.wait_for("disconnect", client.sid, "transport error")


@pytest.mark.parametrize(
    ("length", "status"), [("9" * 5000, 400), ("\xb2", 400)], ids=["thousands", "superscript"]
)
def test_a_length_that_python_reads_as_no_number(
    serve: Serve, echo: Engine, length: str, status: int
) -> None:
    server = serve(echo)
    client = Poller(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
        head = f"POST {client.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n4hel"
        connection.sendall(head.encode("latin-1"))
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert json.loads(response.read())["code"] == 3
        assert response.status == status


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_a_body_that_never_ends(serve: Serve, echo: Engine, log: Log, encrypted: bool) -> None:
    """Of one byte again and again no read of a socket ever times out."""
    echo.config.body_timeout = 0.3
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    server = serve(echo, ours if encrypted else None)
    # A connection of TLS breaks where one direction ends: its client gets an alert, no answer.
    broken = contextlib.suppress(*([ssl.SSLError] if encrypted else []))
    with broken, contextlib.ExitStack() as stack:

        def connection() -> socket.socket:
            plain = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
            opened = theirs.wrap_socket(plain, server_hostname="127.0.0.1") if encrypted else plain
            return stack.enter_context(opened)

        opening = connection()
        opening.sendall(b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
        handshake = http.client.HTTPResponse(opening)
        handshake.begin()
        sid = json.loads(handshake.read()[1:])["sid"]
        posting = connection()
        path = f"/engine.io/?EIO=4&transport=polling&sid={sid}"
        posting.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".encode())
        posting.settimeout(0.02)
        deadline = time.monotonic() + DEADLINE
        received = b""
        while not received and time.monotonic() < deadline:
            posting.sendall(b"4")
            with contextlib.suppress(TimeoutError):
                received = posting.recv(1)
        posting.settimeout(DEADLINE)
        while chunk := posting.recv(4096):
            received += chunk
    log.wait_for("disconnect", sid, "transport error")
    if not encrypted:
        assert received.startswith((b"HTTP/1.1 408 ", b"HTTP/1.0 408 "))
        assert b'"code": 3' in received


def test_chunked_bodies(serve: Serve, echo: Engine) -> None:
    client = Poller(serve(echo))
    answer = client.post(iter([b"4hel", b"lo\x1e", b"4you"]), encode_chunked=True)
    assert answer.status == 200
    received: list[str] = []
    while len(received) < 2:  # the handlers may take longer than the answer to the POST
        received += client.get().text.split("\x1e")
    assert received == ["4hello", "4you"]


def test_a_chunked_body_that_is_too_long(serve: Serve, echo: Engine, log: Log) -> None:
    echo.config.max_http_buffer_size = 1000
    client = Poller(serve(echo))
    answer = client.post(iter([b"4"] + [b"x" * 100] * 10), encode_chunked=True)
    assert answer.status == 413
    log.wait_for("disconnect", client.sid, "transport error")


def test_a_long_body_in_many_pieces(serve: Serve) -> None:
    engine = Engine(max_http_buffer_size=2_000_000)
    engine.on("message", lambda sid, data: engine.send(sid, str(len(data))))
    server = serve(engine)
    client = Poller(server)
    body = b"4" + b"x" * 1_500_000
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
        head = f"POST {client.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        for start in range(0, len(body), 100_000):
            connection.sendall(body[start : start + 100_000])
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.read() == b"ok"
    assert client.get().text == "41500000"


def test_answers_are_bounded(serve: Serve, echo: Engine) -> None:
    echo.config.max_http_buffer_size = 1000
    client = Poller(serve(echo))
    for _ in range(5):
        echo.send(client.sid, "x" * 399)
    sizes = [len(client.get().text) for _ in range(3)]
    assert sizes == [801, 801, 400]


def test_compression(serve: Serve, echo: Engine) -> None:
    client = Poller(serve(echo))
    echo.send(client.sid, "x" * 3000)
    answer = client.get(**{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == b"4" + b"x" * 3000


def test_jsonp(serve: Serve, echo: Engine) -> None:
    client = Poller(serve(echo))
    client.path += "&j=7"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("d=4hello", headers=headers).text == "ok"
    answer = client.get()
    assert answer.text == '___eio[7]("4hello");'
    assert answer.headers["Content-Type"] == "text/javascript; charset=UTF-8"


def test_a_jsonp_index_that_is_no_number(serve: Serve, echo: Engine, log: Log) -> None:
    server = serve(echo)
    path = "/engine.io/?EIO=4&transport=polling"
    assert server.request("GET", f"{path}&j=alert()").status == 400
    assert (echo.sockets, log.items) == ({}, [])
    client = Poller(server)
    echo.send(client.sid, "kept")
    assert server.request("GET", f"{client.path}&j=alert()").status == 400
    assert client.get().text == "4kept"


def test_a_client_that_goes_in_the_middle_of_a_poll(serve: Serve, echo: Engine, log: Log) -> None:
    server = serve(echo)
    client = Poller(server)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"GET {client.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_for_poll(echo, client.sid)
    log.wait_for("disconnect", client.sid, "transport close")


def test_origins(serve: Serve) -> None:
    engine = Engine(cors_allowed_origins="https://good.example")
    server = serve(engine)
    path = "/engine.io/?EIO=4&transport=polling"
    answer = server.request("GET", path, headers={"Origin": "https://good.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://good.example"
    answer = server.request("GET", path, headers={"Origin": "https://bad.example"})
    assert answer.status == 400
    assert answer.json["code"] == 4
    answer = server.request("OPTIONS", path, headers={"Origin": "https://good.example"})
    assert answer.status == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
