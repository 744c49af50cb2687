"""How long a request's body is, and which page asks: said once and in one way, or refused."""

from __future__ import annotations

import io
from typing import Any

import pytest

import socketio
from socketio.abc.http import BadLength, check_content_length
from socketio.engine.config import EngineConfig
from socketio.testing import TestClient

ODD = [
    "+5",
    "-5",
    " 5",
    "5 ",
    "5_0",
    "٥",
    "²",
    "0x5",
    "5.0",
    "5,5",
    "5,6",
    "5\n",
    "9" * 5000,
    "1" * 19,
]


@pytest.mark.parametrize("length", ODD, ids=lambda text: repr(text)[:12])
def test_only_digits_are_a_length(length: str) -> None:
    with pytest.raises(BadLength, match="no number of bytes"):
        check_content_length(length)


def test_what_is_a_length() -> None:
    assert check_content_length(None) is None
    assert check_content_length("") is None
    assert check_content_length("0") == 0
    assert check_content_length("0005") == 5
    assert check_content_length("9" * 18) == 10**18 - 1
    with pytest.raises(BadLength, match="both"):
        check_content_length("5", "chunked")
    assert check_content_length(None, "chunked") is None


def wsgi(sio: socketio.Server, method: str, query: str, **environ: Any) -> tuple[str, bytes]:
    """Call the application as a WSGI server does."""
    answers: list[str] = []
    body = socketio.WSGIApp(sio)(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": "/socket.io/",
            "QUERY_STRING": f"EIO=4&transport=polling{query}",
            "HTTP_HOST": "server",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(b"42[1]"),
            **environ,
        },
        lambda status, headers: answers.append(status),
    )
    return answers[0], b"".join(body)


async def asgi(sio: Any, method: str, query: str, headers: list[tuple[bytes, bytes]]) -> int:
    """Call the application as an ASGI server does."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"42[1]", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": method,
        "path": "/socket.io/",
        "query_string": f"EIO=4&transport=polling{query}".encode(),
        "headers": [(b"host", b"server"), *headers],
        "scheme": "http",
    }
    await socketio.ASGIApp(sio)(scope, receive, send)
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("length", ODD, ids=lambda text: repr(text)[:12])
def test_a_wsgi_server_hands_it_on(length: str, method: str) -> None:
    sio = socketio.Server()
    client = TestClient(sio)
    client.connect()
    assert client.session is not None
    query = f"&sid={client.session.sid}" if method == "POST" else ""
    status, body = wsgi(sio, method, query, CONTENT_LENGTH=length)
    assert status.startswith("400") and b"Content-Length" in body
    assert client.reason is None, "it says nothing about the session"
    client.drop()
    sio.shutdown()


def test_a_wsgi_server_that_says_there_are_two() -> None:
    """eventlet hands on the first of two lengths, and all headers beside it."""
    sio = socketio.Server()
    raw = (("content-length", "5"), ("Content-Length", "6"))
    assert wsgi(sio, "GET", "", CONTENT_LENGTH="5", headers_raw=raw)[0].startswith("400")
    assert wsgi(sio, "GET", "", CONTENT_LENGTH="5", headers_raw=raw[:1])[0].startswith("200")
    both = {"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}
    assert wsgi(sio, "GET", "", **both)[0].startswith("400")
    sio.shutdown()


@pytest.mark.parametrize("length", ODD, ids=lambda text: repr(text)[:12])
async def test_an_asgi_server_hands_it_on(length: str) -> None:
    sio = socketio.AsyncServer()
    value = length.encode("utf-8")
    assert await asgi(sio, "GET", "", [(b"content-length", value)]) == 400
    twice = [(b"content-length", b"5"), (b"Content-Length", b"5")]
    assert await asgi(sio, "GET", "", twice) == 400
    await sio.shutdown()


@pytest.mark.parametrize(
    "options",
    [{}, {"cors_allowed_origins": "*"}, {"cors_allowed_origins": lambda origin: True}],
    ids=["own", "any", "function"],
)
async def test_two_origins_are_refused(options: dict[str, Any]) -> None:
    sio = socketio.AsyncServer(**options)
    one, other = (b"origin", b"http://server"), (b"origin", b"http://evil")
    assert await asgi(sio, "GET", "", [one]) == 200
    assert await asgi(sio, "GET", "", [one, other]) in (400, 403)
    assert await asgi(sio, "GET", "", [other, one]) in (400, 403)
    await sio.shutdown()
    sync = socketio.Server(**options)
    assert wsgi(sync, "GET", "", HTTP_ORIGIN="http://server")[0].startswith("200")
    assert not wsgi(sync, "GET", "", HTTP_ORIGIN="http://server,http://evil")[0].startswith("200")
    sync.shutdown()


def test_a_body_as_long_as_allowed_is_taken() -> None:
    sio = socketio.Server()
    limit = EngineConfig().max_http_buffer_size
    status, body = wsgi(sio, "POST", "&sid=none", CONTENT_LENGTH=str(limit))
    assert status.startswith("400") and b"Session ID unknown" in body
    sio.shutdown()
