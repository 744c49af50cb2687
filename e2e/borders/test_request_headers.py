"""Requests whose headers proxies and servers read differently, under every web server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from frameworks.servers import SERVERS, Server
from frameworks.test_servers import WebServer, start
from rig.wire import RawConnection

pytestmark = [pytest.mark.server, pytest.mark.heavy]

BODY = "40/a,"
SPELLINGS = {
    "a sign": "+5",
    "negative": "-5",
    "an underscore": "5_0",
    "Arabic digits": "٥",
    "a digit that is none": "²",
    "hexadecimal": "0x5",
    "a fraction": "5.0",
    "an exponent": "5e0",
    "huge": "9" * 4000,
    "more than 64 bits": str(2**64 + 5),
    "two lengths in one": "5, 6",
}
WAITS = {
    "daphne": {
        "more than 64 bits",
        "huge",
    },  # for a body of so many bytes; Twisted gives us nothing
}
"""Where the server takes a spelling for a number of its own, and we never see the request."""
GEVENT = {
    "gevent pywsgi",
    "gevent pywsgi with gevent-websocket",
    "gunicorn, GeventWebSocketWorker",
}
FIRST_OF_TWO = {"Werkzeug", *GEVENT}
"""Servers that hand on one of two lengths and do not say that there were two."""
ONE_OF_BOTH = {"waitress", "granian", *GEVENT}
"""Servers that drop a length beside a transfer encoding, as RFC 9112 allows."""


def kinds(*, but: Collection[str] = ()) -> Any:
    """Run a test under every server but some."""
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(
                server, id=server.name, marks=pytest.mark.xdist_group(f"headers {server.name}")
            )
            for server in SERVERS
            if server.name not in but
        ],
    )


@pytest.fixture(scope="module")
def started() -> Iterator[dict[str, WebServer]]:
    programs: dict[str, WebServer] = {}
    yield programs
    for program in programs.values():
        program.end()


@pytest.fixture
def url(
    request: pytest.FixtureRequest, need: Callable[..., Any], started: dict[str, WebServer]
) -> str:
    kind: Server = request.getfixturevalue("kind")
    if kind.name not in started:
        started[kind.name] = start(kind, need)
    return started[kind.name].url


def head(*lines: str) -> bytes:
    """Return the bytes of a request's head."""
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape")


async def status(url: str, *lines: str, body: str = "", path: str = "/socket.io/") -> int:
    """Return the status of the answer to a request; 0 for a connection that was closed.

    gevent-websocket accepts every websocket before it asks us: one that is closed then is a 403.
    """
    connection = await RawConnection.open(url)
    await connection.send(head(*lines) + body.encode())
    try:
        answer, _ = await connection.head(10)
        if answer == 101 and b'"sid"' not in await connection.rest():
            return 403
        return answer
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0
    finally:
        await connection.close()


async def new_session(url: str) -> str:
    connection = await RawConnection.open(url)
    await connection.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await connection.answer()
    await connection.close()
    return str(answer.text.split('"sid":"')[1].split('"')[0])


def post(sid: str, *headers: str) -> tuple[str, ...]:
    target = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    return (f"POST {target} HTTP/1.1", "Host: x", *headers)


@kinds()
async def test_only_digits_are_a_length(kind: Server, url: str) -> None:
    for what, length in SPELLINGS.items():
        if what in WAITS.get(kind.name, ()):
            continue
        sid = await new_session(url)
        answer = await status(url, *post(sid, f"Content-Length: {length}"), body=BODY)
        # Twisted and waitress close the connection without a word on some.
        assert answer in (400, 413 if kind.name == "waitress" else 400, 0), what
    sid = await new_session(url)
    assert await status(url, *post(sid, f"Content-Length: {len(BODY)}"), body=BODY) == 200


@kinds(but=FIRST_OF_TWO)
async def test_two_lengths_are_none(kind: Server, url: str) -> None:
    sid = await new_session(url)
    lines = post(sid, f"Content-Length: {len(BODY)}", f"Content-Length: {len(BODY) + 1}")
    assert await status(url, *lines, body=f"{BODY} ") in (400, 0)


@kinds()
async def test_a_length_and_an_encoding_are_one_too_many(kind: Server, url: str) -> None:
    sid = await new_session(url)
    lines = post(sid, f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked")
    answer = await status(url, *lines, body=f"{len(BODY)}\r\n{BODY}\r\n0\r\n\r\n")
    assert answer in ((200, 400) if kind.name in ONE_OF_BOTH else (400, 0))


@kinds()
@pytest.mark.parametrize("websocket", [False, True], ids=["polling", "websocket"])
async def test_two_origins_are_refused(kind: Server, url: str, websocket: bool) -> None:
    transport = "websocket" if websocket else "polling"
    upgrade = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    host = url.removeprefix("http://")
    for origins in ((f"http://{host}", "http://evil"), ("http://evil", f"http://{host}")):
        lines = [f"GET /socket.io/?EIO=4&transport={transport} HTTP/1.1", f"Host: {host}"]
        lines += [f"Origin: {origin}" for origin in origins]
        assert await status(url, *lines, *(upgrade if websocket else ())) in (400, 403)


UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
ADVISORIES: dict[str, bytes] = {
    "spaces in subprotocols": head(*UPGRADE, f"Sec-WebSocket-Protocol: b{' ' * 7000}x"),
    "subprotocols that are no ASCII": head(*UPGRADE, "Sec-WebSocket-Protocol: \xff\xfe, \u20ac"),
    "an extension that is never closed": head(
        *UPGRADE, f'Sec-WebSocket-Extensions: a; b="{(chr(92) + "a") * 3500}'
    ),
    "two thousand headers": head(*UPGRADE, *(f"x{number}: y" for number in range(2000))),
    "two hosts": head(*UPGRADE, "Host: evil", "Origin: http://evil"),
}
"""Openings of websockets that crashed or stalled some server, by what is wrong with them."""


async def answers(url: str) -> bool:
    """Tell whether a server still serves, and soon."""
    async with asyncio.timeout(10):
        return bool(await new_session(url))


@kinds()
async def test_openings_of_advisories_hurt_nobody(kind: Server, url: str) -> None:
    for what, request in ADVISORIES.items():
        connection = await RawConnection.open(url)
        await connection.send(request)
        try:
            answer, _ = await connection.head(5)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            answer = 0  # uvicorn's websockets-sansio says nothing about too many headers
        await connection.close()
        if what == "two hosts":
            assert answer != 101 or kind.name in GEVENT, what
        assert await answers(url), what


@kinds()
async def test_bodies_of_advisories_hurt_nobody(kind: Server, url: str) -> None:
    """Binary bodies, and a body in a hundred thousand pieces."""
    for content_type in ("application/octet-stream", "multipart/form-data; boundary=x", "\xff"):
        sid = await new_session(url)
        lines = post(sid, f"Content-Type: {content_type}", "Content-Length: 5")
        assert await status(url, *lines, body="\0\1\2\3\4") in (400, 0)
        assert await answers(url)
    sid = await new_session(url)
    connection = await RawConnection.open(url)
    await connection.send(head(*post(sid, "Transfer-Encoding: chunked")))
    try:
        await connection.send("1\r\n4\r\n" * 100_000 + "0\r\n\r\n")
        assert (await connection.head(30))[0] != 200
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # cut before it had ended
    await connection.close()
    assert await answers(url)
