"""Origins are compared as scheme, host and port, by the engine of each flavour."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from socketio.engine import AsyncEngine, Engine
from socketio.engine.http import HTTPError, Request
from socketio.engine.origins import normal

EVIL = "https://evil.example"


class Asked(Request):
    """A request that never went through a web server."""

    def __init__(self, headers: dict[str, str], scheme: str = "http") -> None:
        super().__init__("GET", "EIO=4&transport=polling")
        self._headers = {f"HTTP_{key.upper().replace('-', '_')}": headers[key] for key in headers}
        self._scheme = scheme

    def header(self, name: str) -> str | None:
        return self._headers.get(f"HTTP_{name.upper().replace('-', '_')}")

    def build_environ(self) -> dict[str, Any]:
        return {"wsgi.url_scheme": self._scheme, **self._headers}

    def read_body(self, max_bytes: int) -> bytes:
        raise AssertionError("it has none")


@pytest.fixture(params=[AsyncEngine, Engine])
def allowed(request: pytest.FixtureRequest) -> Callable[..., bool]:
    """Tell whether an engine with some options lets a request in."""

    def ask(options: dict[str, Any], headers: dict[str, str], scheme: str = "http") -> bool:
        engine = request.param(**options)
        try:
            engine.origins.check(Asked(headers, scheme))
        except HTTPError:
            return False
        return True

    return ask


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://Page.example:443", "https://page.example"),
        ("https://page.example/", "https://page.example"),
        ("wss://page.example", "https://page.example"),
        ("http://page.example:080", "http://page.example"),
        ("http://page.example:8080", "http://PAGE.example:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[2001:DB8::1]:80", "http://[2001:db8::1]"),
        ("null", "null"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_a_listed_origin(allowed: Callable[..., bool], listed: str, origin: str) -> None:
    for options in ([listed], listed, ["https://first.example", listed]):
        assert allowed({"cors_allowed_origins": options}, {"Origin": origin})
        assert not allowed({"cors_allowed_origins": options}, {"Origin": EVIL})


@pytest.mark.parametrize("scheme", ["https", "wss", "HTTPS"])
def test_the_port_of_a_scheme_is_the_same_as_none(
    allowed: Callable[..., bool], scheme: str
) -> None:
    assert allowed({}, {"Host": "x:443", "Origin": "https://x"}, scheme)
    assert allowed({}, {"Host": "x", "Origin": "https://x:443"}, scheme)
    assert not allowed({}, {"Host": "x:444", "Origin": "https://x"}, scheme)


def test_a_host_that_says_nothing_is_nobodys_origin(allowed: Callable[..., bool]) -> None:
    for host in ("", ":", ":443", "://", "[", "\xff" * 70 + ".example"):
        assert not allowed({}, {"Host": host, "Origin": "https://x"}, "https")
        assert not allowed({}, {"Host": "y", "X-Forwarded-Host": host, "Origin": EVIL})


@pytest.mark.parametrize("engine_class", [AsyncEngine, Engine])
@pytest.mark.parametrize("empty", [[], ()])
def test_the_refusal_of_an_empty_list_names_the_option(
    engine_class: Any, empty: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who emptied the list may have wanted no check at all."""
    engine = engine_class(cors_allowed_origins=empty, logger=logging.getLogger("test.engine"))
    with pytest.raises(HTTPError):
        engine.origins.check(Asked({"Host": "page.example", "Origin": EVIL}))
    [record] = caplog.records
    assert EVIL in record.getMessage()
    assert "check_origin=False" in record.getMessage()
    assert "http://page.example" in record.getMessage()
    engine_class(cors_allowed_origins=empty, check_origin=False).origins.check(
        Asked({"Host": "page.example", "Origin": EVIL})
    )


def test_what_is_no_origin_stays_what_it_is() -> None:
    for text in ("", "null", "page.example", "://", "https://", "://x"):
        assert normal(text) == text
