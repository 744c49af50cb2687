"""Ranges and long files: what is asked for is sent, part by part, and the file is closed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import socketio
from socketio.abc import Response
from socketio.web.file_response import CHUNK, FileResponse, respond_with_file

LONG = bytes(range(256)) * (3 * CHUNK // 256) + b"the end"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "digits.txt"
    path.write_bytes(b"0123456789")
    return path


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    path = tmp_path / "long.bin"
    path.write_bytes(LONG)
    return path


def ask(file: Path, method: str = "GET", headers: Mapping[str, str] | None = None) -> Response:
    return respond_with_file(str(file), "text/plain", method, (headers or {}).get)


@pytest.mark.parametrize(
    ("asked", "body", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=7-999999999999", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_a_range_is_answered_by_it(file: Path, asked: str, body: bytes, content_range: str) -> None:
    response = ask(file, headers={"range": asked})
    headers = dict(response.headers)
    assert (response.status, response.reason, response.body) == (206, "Partial Content", body)
    assert headers["Content-Range"] == content_range
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_satisfied(file: Path, asked: str) -> None:
    response = ask(file, headers={"range": asked})
    assert (response.status, response.reason) == (416, "Range Not Satisfiable")
    assert dict(response.headers)["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--1",
        "bytes=4-2",
        "bytes=0-1,3-4",
        "bytes= 1-2",
        "bytes=a-b",
        "bytes=\u0661-\u0662",
        pytest.param("bytes=" + "9" * 5000 + "-", id="huge"),
        "lines=1-2",
    ],
)
def test_what_is_no_single_range_is_answered_by_the_whole_file(file: Path, asked: str) -> None:
    response = ask(file, headers={"range": asked})
    assert (response.status, response.body) == (200, b"0123456789")
    assert ("Accept-Ranges", "bytes") in response.headers


def test_a_range_of_another_version_is_answered_by_the_whole_file(file: Path) -> None:
    headers = dict(ask(file).headers)
    for version in (headers["ETag"], headers["Last-Modified"]):
        assert ask(file, headers={"range": "bytes=0-1", "if-range": version}).status == 206
    for version in ('"other"', f"W/{headers['ETag']}", "Sun, 09 Sep 2001 01:46:40 GMT"):
        assert ask(file, headers={"range": "bytes=0-1", "if-range": version}).status == 200


def test_head_knows_no_ranges(file: Path) -> None:
    response = ask(file, "HEAD", {"range": "bytes=0-1"})
    assert (response.status, response.body) == (200, b"")
    assert ("Content-Length", "10") in response.headers


def test_the_condition_comes_before_the_range(file: Path) -> None:
    etag = dict(ask(file).headers)["ETag"]
    response = ask(file, headers={"range": "bytes=0-1", "if-none-match": etag})
    assert (response.status, response.body) == (304, b"")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert (ask(tmp_path / "empty").status, ask(tmp_path / "empty").body) == (200, b"")
    assert ask(tmp_path / "empty", headers={"range": "bytes=0-"}).status == 416


def test_a_long_file_is_read_in_parts(long_file: Path) -> None:
    response = ask(long_file)
    assert isinstance(response, FileResponse)
    assert dict(response.headers)["Content-Length"] == str(len(LONG))
    parts = list(response)
    assert [len(part) for part in parts] == [CHUNK, CHUNK, CHUNK, 7]
    assert b"".join(parts) == LONG
    response.close()
    with pytest.raises(ValueError, match="closed"):
        response.read()


def test_a_long_range_is_read_in_parts(long_file: Path) -> None:
    response = ask(long_file, headers={"range": f"bytes=5-{CHUNK + 5}"})
    assert isinstance(response, FileResponse)
    assert response.status == 206
    assert b"".join(response) == LONG[5 : CHUNK + 6]
    response.close()


def test_wsgi_sends_a_long_file_in_parts(long_file: Path) -> None:
    app = socketio.WSGIApp(socketio.Server(), static_files={"/long": str(long_file)})
    started: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/long", "QUERY_STRING": ""}
    body = app(environ, lambda *arguments: started.append(arguments))
    assert isinstance(body, FileResponse)
    assert started[0][0] == "200 OK"
    assert b"".join(body) == LONG
    body.close()


async def test_asgi_sends_a_long_file_in_parts(long_file: Path) -> None:
    app = socketio.ASGIApp(socketio.AsyncServer(), static_files={"/long": str(long_file)})
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "GET", "path": "/long", "query_string": b"", "headers": []}
    await app(scope, None, send)  # type: ignore[arg-type]  # a GET has nothing to receive
    start, *bodies = sent
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert (b"content-length", str(len(LONG)).encode()) in start["headers"]
    assert b"".join(event["body"] for event in bodies) == LONG
    assert max(len(event["body"]) for event in bodies) == CHUNK
    assert [event.get("more_body", False) for event in bodies] == [True] * 4 + [False]


async def test_asgi_closes_the_file_of_a_client_that_goes(long_file: Path) -> None:
    app = socketio.ASGIApp(socketio.AsyncServer(), static_files={"/long": str(long_file)})

    async def send(event: Any) -> None:
        if event["type"] == "http.response.body":
            raise ConnectionResetError("gone")

    scope = {"type": "http", "method": "GET", "path": "/long", "query_string": b"", "headers": []}
    with pytest.raises(ConnectionResetError):  # an unclosed file would be a warning, and so fail
        await app(scope, None, send)  # type: ignore[arg-type]  # a GET has nothing to receive


@pytest.mark.parametrize("zone", ["+" + "9" * 20, "+" + "9" * 13])
@pytest.mark.parametrize("day", ["01", "9" * 30])
def test_a_date_of_impossible_numbers_is_ignored(file: Path, day: str, zone: str) -> None:
    response = ask(file, headers={"if-modified-since": f"Mon, {day} Jan 2024 00:00:00 {zone}"})
    assert response.status == 200
