"""The WSGI-like description of requests."""

from __future__ import annotations

import socket

from socketio_web.environ import address, build_environ

REQUEST = {
    "method": "GET",
    "path": "/socket.io/",
    "raw_uri": "/socket.io/?EIO=4",
    "query_string": "EIO=4",
    "remote": ("192.0.2.1", "5000"),
    "server": ("127.0.0.1", "80"),
    "scheme": "https",
    "http_version": "1.1",
    "software": "test",
}


def test_names_of_wsgi() -> None:
    environ = build_environ(**REQUEST, headers=[("Host", "a.example"), ("X-Own", "1")])  # type: ignore[arg-type]  # one value per name
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["wsgi.url_scheme"] == "https"
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.1", "5000")
    assert (environ["HTTP_HOST"], environ["HTTP_X_OWN"]) == ("a.example", "1")
    assert environ["SCRIPT_NAME"] == ""
    assert environ["wsgi.async"] is True


def test_content_headers_have_no_prefix() -> None:
    headers = [("Content-Type", "text/plain"), ("Content-Length", "3")]
    environ = build_environ(**REQUEST, headers=headers)  # type: ignore[arg-type]  # one value per name
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "3")


def test_repeated_headers_are_joined() -> None:
    headers = [("Accept", "a"), ("accept", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")]
    environ = build_environ(**REQUEST, headers=headers)  # type: ignore[arg-type]  # one value per name
    assert environ["HTTP_ACCEPT"] == "a,b"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_a_header_cannot_take_the_place_of_something_else() -> None:
    headers = [("Remote-Addr", "forged"), ("Path-Info", "forged")]
    environ = build_environ(**REQUEST, headers=headers)  # type: ignore[arg-type]  # one value per name
    assert environ["REMOTE_ADDR"] == "192.0.2.1"
    assert environ["PATH_INFO"] == "/socket.io/"


def test_a_name_with_underscores_cannot_take_the_place_of_one_with_hyphens() -> None:
    headers = [("x_real_ip", "forged"), ("X-Real-IP", "192.0.2.1"), ("X_Own", "1")]
    for order in (headers, headers[::-1]):
        environ = build_environ(**REQUEST, headers=order)  # type: ignore[arg-type]  # one value per name
        assert environ["HTTP_X_REAL_IP"] == "192.0.2.1"
        assert environ["HTTP_X_OWN"] == "1"


def test_addresses() -> None:
    assert address(("127.0.0.1", 80)) == ("127.0.0.1", "80")
    assert address(("::1", 80, 0, 0)) == ("::1", "80")
    assert address("/run/own.sock") == ("", "")
    assert address(None) == ("", "")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        assert address(one.getsockname())[0] == "127.0.0.1"
