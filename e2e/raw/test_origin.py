"""Origins, CORS headers and the cookie."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from rig.process import Program
from rig.wire import EngineSession

GOOD = "http://allowed.example"
EVIL = "http://evil.example"


async def test_an_allowed_origin_gets_its_headers(engine: Any) -> None:
    session: EngineSession = engine("cors")
    answer = await session.request(headers={"Origin": GOOD})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == GOOD
    assert answer.headers["access-control-allow-credentials"] == "true"


async def test_a_preflight_request(engine: Any) -> None:
    session: EngineSession = engine("cors")
    answer = await session.request(
        "OPTIONS",
        headers={
            "Origin": GOOD,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-custom",
        },
    )
    assert answer.status in {200, 204}
    assert answer.headers["access-control-allow-origin"] == GOOD
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"].lower() == "x-custom"


@pytest.mark.python_only("it leaves the check to the browser")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_origin_is_refused(engine: Any, method: str) -> None:
    """Trap 9: on polling."""
    session: EngineSession = engine("cors")
    if method == "POST":
        await session.open_polling()
    answer = await session.request(method, "40" if method == "POST" else None, {"Origin": EVIL})
    assert answer.status in {400, 403}
    assert answer.error["message"]
    assert EVIL not in answer.headers.get("access-control-allow-origin", "")


async def websocket(http: aiohttp.ClientSession, session: EngineSession, origin: str) -> None:
    url = session.url.replace("http", "ws", 1) + "?EIO=4&transport=websocket"
    async with http.ws_connect(url, origin=origin) as socket:
        assert (await socket.receive_str()).startswith("0{")


@pytest.mark.python_only("it leaves the check to the browser")
@pytest.mark.parametrize("variant", ["main", "cors"])
async def test_another_origin_is_refused_on_a_websocket(
    engine: Any, http: aiohttp.ClientSession, variant: str
) -> None:
    """Trap 9."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await websocket(http, engine(variant), EVIL)
    assert refused.value.status in {400, 403}


async def test_the_websocket_of_an_allowed_origin(engine: Any, http: aiohttp.ClientSession) -> None:
    await websocket(http, engine("cors"), GOOD)


@pytest.mark.python_only("it sends no headers for its own origin either")
async def test_the_own_origin_is_allowed(
    engine: Any, http: aiohttp.ClientSession, server: Program
) -> None:
    session: EngineSession = engine()
    assert (await session.request(headers={"Origin": server.url})).status == 200
    await websocket(http, engine(), server.url)


@pytest.mark.python_only("it leaves the check to the browser")
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1", "http://127.0.0.1:1"])
async def test_other_origins_are_refused_by_default(engine: Any, origin: str) -> None:
    """Trap 9."""
    answer = await engine().request(headers={"Origin": origin})
    assert answer.status in {400, 403}


async def test_a_request_without_an_origin_is_no_browsers(engine: Any) -> None:
    for variant in ("main", "cors"):
        assert (await engine(variant).request()).status == 200


@pytest.mark.python_only("an empty list is a list like any other to it")
async def test_an_empty_list_sends_no_headers(engine: Any, server: Program) -> None:
    """Trap 9: no CORS headers is one thing, no check of the Origin another."""
    answer = await engine("nocors").request(headers={"Origin": server.url})
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    answer = await engine("nocors").request(headers={"Origin": EVIL})
    assert answer.status in {400, 403}
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_cookie_comes_with_the_handshake(engine: Any) -> None:
    session: EngineSession = engine("cors")
    answer = await session.request()
    sid = answer.text.split('"sid":"')[1].split('"')[0]
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"io={sid};")
    assert "path=/" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    session.sid = sid
    assert "set-cookie" not in (await session.request("POST", "40")).headers


async def test_no_cookie_unless_asked(engine: Any) -> None:
    assert "set-cookie" not in (await engine().request()).headers


SAME = [
    ({"Host": "page.example:80"}, "http://page.example"),
    ({"Host": "Page.Example"}, "http://page.example:80"),
    ({"Host": "page.example:8080"}, "HTTP://PAGE.example:8080"),
    ({"Host": "[::1]:80"}, "http://[::1]"),
    ({"Host": "page.example:443"}, "https://page.example"),
    ({"Host": "page.example:443", "X-Forwarded-Proto": "HTTPS"}, "https://page.example"),
    ({"Host": "page.example", "X-Forwarded-Proto": "wss"}, "https://page.example"),
    ({"Host": "inner", "X-Forwarded-Proto": "https, http"}, "https://inner"),
    (
        {
            "Host": "inner:5000",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "Page.Example:443, inner:5000",
        },
        "https://page.example",
    ),
    ({"Host": "page.example", "X-Forwarded-Port": "8080"}, "http://page.example:8080"),
    (
        {
            "Host": "inner:5000",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "page.example",
            "X-Forwarded-Port": "8443,443",
        },
        "https://page.example:8443",
    ),
]
OTHER = [
    ({"Host": "page.example"}, "https://page.example"),
    ({"Host": "page.example:443"}, "http://page.example"),
    ({"Host": "page.example:8443"}, "https://page.example"),
    ({"Host": "page.example"}, "http://page.example.evil.example"),
    ({"Host": "page.example"}, "http://page.example:80@evil.example"),
    ({"Host": "page.example", "X-Forwarded-Proto": "https, http"}, "https://http"),
    (
        {"Host": "page.example", "X-Forwarded-Host": "one.example, two.example"},
        "http://two.example",
    ),
]


@pytest.mark.python_only("it leaves the check to the browser")
@pytest.mark.parametrize(("headers", "origin"), SAME)
async def test_the_own_origin_in_every_spelling(
    engine: Any, http: aiohttp.ClientSession, headers: dict[str, str], origin: str
) -> None:
    """What is compared are scheme, host and port, however a proxy or a browser writes them."""
    session: EngineSession = engine()
    headers = {**headers, "Origin": origin}
    assert (await session.request(headers=headers)).status == 200
    url = session.url.replace("http", "ws", 1) + "?EIO=4&transport=websocket"
    async with http.ws_connect(url, headers=headers) as socket:
        assert (await socket.receive_str()).startswith("0{")


@pytest.mark.python_only("it leaves the check to the browser")
@pytest.mark.parametrize(("headers", "origin"), OTHER)
async def test_what_only_looks_like_the_own_origin(
    engine: Any, headers: dict[str, str], origin: str
) -> None:
    answer = await engine().request(headers={**headers, "Origin": origin})
    assert answer.status in {400, 403}


@pytest.mark.python_only("it compares texts")
@pytest.mark.parametrize("origin", [GOOD, "http://ALLOWED.example:80", "ws://allowed.example"])
async def test_an_allowed_origin_in_every_spelling(
    engine: Any, http: aiohttp.ClientSession, origin: str
) -> None:
    answer = await engine("cors").request(headers={"Origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    await websocket(http, engine("cors"), origin)
