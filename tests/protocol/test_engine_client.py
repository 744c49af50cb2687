"""Tests of the client's side of Engine.IO, sans-I/O."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.exceptions import ProtocolError
from socketio.protocol.engine import CLOSE_PACKET, MESSAGE, EnginePacket, decode_payload
from socketio.protocol.engine_client import (
    Address,
    ClientOutbox,
    Handshake,
    choose_transports,
    join_cookies,
    open_polling,
    open_websocket,
    refusal,
)

OPEN: dict[str, Any] = {
    "sid": "abc",
    "upgrades": ["websocket"],
    "pingInterval": 25000,
    "pingTimeout": 20000,
    "maxPayload": 1000000,
}


def test_the_handshake_is_read() -> None:
    handshake, rest = open_polling(b"0" + json.dumps(OPEN).encode() + b"\x1e6\x1e4text")
    assert handshake == Handshake(
        sid="abc", upgrades=("websocket",), ping_interval=25, ping_timeout=20, max_payload=1000000
    )
    assert handshake.silence == 45
    assert rest == [(6, ""), (4, "text")]
    assert open_websocket("0" + json.dumps(OPEN)) == handshake


def test_intervals_below_a_second_are_kept() -> None:
    fields = {**OPEN, "pingInterval": 300, "pingTimeout": 200.5}
    handshake = Handshake.parse(json.dumps(fields))
    assert (handshake.ping_interval, handshake.ping_timeout) == (0.3, 0.2005)


@pytest.mark.parametrize("value", [None, 0, -5, "5", True])
def test_a_server_without_a_usable_max_payload_sets_no_limit(value: Any) -> None:
    assert Handshake.parse(json.dumps({**OPEN, "maxPayload": value})).max_payload is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sid": None}, "no 'sid'"),
        ({"sid": ""}, "no 'sid'"),
        ({"upgrades": 1}, "'upgrades'"),
        ({"pingInterval": "x"}, "'pingInterval'"),
        ({"pingInterval": 0}, "'pingInterval'"),
        ({"pingTimeout": None}, "'pingTimeout'"),
        ({"pingTimeout": 1e300}, "'pingTimeout'"),
    ],
)
def test_a_wrong_handshake_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Handshake.parse(json.dumps({**OPEN, **change}))


@pytest.mark.parametrize(
    "body",
    [
        b'97:0{"sid":"abc","upgrades":["websocket"]}2:40',
        b'\x00\x09\x07\xff0{"sid":"abc"}\x00\x02\xff40',
    ],
    ids=["text", "binary"],
)
def test_a_server_of_the_generation_before_is_named(body: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"Socket\.IO 2\.x generation"):
        open_polling(body)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>", b"", b"\xff\xfe", b"4message", b"0[]"])
def test_another_answer_is_quoted(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="handshake") as caught:
        open_polling(body)
    assert body == b"0[]" or body.decode("utf-8", "backslashreplace")[:20] in str(
        caught.value
    ).replace("\\\\", "\\")


@given(st.binary(max_size=60))
def test_no_answer_raises_anything_else(body: bytes) -> None:
    try:
        open_polling(body)
    except ProtocolError:
        pass


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_no_websocket_message_raises_anything_else(message: str | bytes) -> None:
    try:
        open_websocket(message)
    except ProtocolError:
        pass


def test_a_refusal_quotes_the_first_bytes_and_returns_json() -> None:
    assert refusal(500, b"x" * 200)[0].endswith("response: '" + "x" * 100 + "'…")
    message, answer = refusal(400, b'{"code":5,"message":"Unsupported protocol version"}')
    assert answer == {"code": 5, "message": "Unsupported protocol version"}
    assert message.startswith("Unexpected status code 400 in server response: '{")
    assert "does not speak this generation" in message
    assert "at this path?" in refusal(404, b"")[0]
    assert refusal(502, b"")[1] is None


@pytest.mark.parametrize(
    ("url", "transport", "expected"),
    [
        ("http://h", "polling", "http://h/socket.io/?transport=polling&EIO=4"),
        ("https://h:1/ignored", "polling", "https://h:1/socket.io/?transport=polling&EIO=4"),
        ("ws://h?a=1&b=2", "polling", "http://h/socket.io/?a=1&b=2&transport=polling&EIO=4"),
        ("wss://h", "websocket", "https://h/socket.io/?transport=websocket&EIO=4"),
        ("http://[::1]:5", "websocket", "http://[::1]:5/socket.io/?transport=websocket&EIO=4"),
        (
            "http://h?q=%2B%20ä b",
            "polling",
            "http://h/socket.io/?q=%2B%20%C3%A4%20b&transport=polling&EIO=4",
        ),
        (
            "http://h?sid=x&transport=carrier&b",
            "polling",
            "http://h/socket.io/?b&transport=polling&EIO=4",
        ),
    ],
)
def test_urls(url: str, transport: str, expected: str) -> None:
    assert Address.of(url, "/socket.io/", {}).request(transport) == expected


@pytest.mark.parametrize("url", ["localhost:5000", "/path", "ftp://h", "", "http://"])
def test_a_url_without_scheme_or_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="such as 'http://localhost:5000'"):
        Address.of(url, "socket.io", {})


def test_the_url_of_a_request_has_the_session_and_what_keeps_caches_away() -> None:
    address = Address.of("http://h", "socket.io", {})
    assert address.request("polling", "a/b", "12.5") == (
        "http://h/socket.io/?transport=polling&EIO=4&sid=a%2Fb&t=12.5"
    )


@pytest.mark.parametrize("name", ["X-Token", "Cookie", "Bad\r\nName"])
@pytest.mark.parametrize("value", ["a\nb", "a\r\nX: 1", "a\0"])
def test_a_header_of_several_lines_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="has a line break or a NUL"):
        Address.of("http://h", "socket.io", {name: value})


SECRETS = {"Authorization": "Basic x", "cookie": "a=1", "X-Own": "2"}


@pytest.mark.parametrize(
    ("url", "location", "expected", "trusted"),
    [
        ("http://h?q=1", "/other/?q=1&EIO=4&transport=polling&t=5", "http://h/other/?q=1", True),
        ("http://h", "//h/x", "http://h/x", True),
        ("http://h", "https://h/x/", "https://h/x/", True),
        ("http://h:80", "https://h:443/x/", "https://h:443/x/", True),
        ("https://h", "http://h/x/", "http://h/x/", False),
        ("http://h:5000", "http://h:5001/x/", "http://h:5001/x/", False),
        ("http://h:5000", "https://h:5001/x/", "https://h:5001/x/", False),
        ("http://h", "https://elsewhere/x/", "https://elsewhere/x/", False),
        ("http://h", "wss://h/x/?sid=1", "https://h/x/", True),
    ],
)
def test_a_redirect_to_another_server_takes_no_credentials_along(
    url: str, location: str, expected: str, trusted: bool
) -> None:
    address = Address.of(url, "socket.io", SECRETS).follow(location)
    assert (address.url, address.trusted) == (expected, trusted)
    if trusted:
        assert address.headers == {"Authorization": "Basic x", "X-Own": "2"}
        assert address.cookies == "a=1"
    else:
        assert (address.headers, address.cookies) == ({"X-Own": "2"}, None)
        assert not address.follow(f"{url}/back").trusted


@pytest.mark.parametrize("location", ["ftp://h/", "javascript:alert(1)", "https://"])
def test_a_redirect_to_no_http_server_is_refused(location: str) -> None:
    with pytest.raises(ProtocolError, match="the server redirects to"):
        Address.of("http://h", "socket.io", {}).follow(location)


def test_an_address_is_logged_without_credentials() -> None:
    assert str(Address.of("http://user:pass@h:1?token=2", "x", {})) == "http://h:1/x/"


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        (None, None, None),
        ("a=1", None, "a=1"),
        (None, 'a={"b": [1, "2"]}', 'a={"b": [1, "2"]}'),
        ("a=1; b=2", 'path=/x; a="q"', 'b=2; path=/x; a="q"'),
        ("a=1", "alone", "a=1; alone"),
    ],
)
def test_cookies_of_the_caller_are_sent_as_they_are(
    known: str | None, given: str | None, expected: str | None
) -> None:
    assert join_cookies(known, given) == expected


def test_transports() -> None:
    assert choose_transports(None) == ["polling", "websocket"]
    assert choose_transports("websocket") == ["websocket"]
    assert choose_transports(("websocket", "polling")) == ["websocket", "polling"]
    with pytest.raises(ValueError, match="No valid transports"):
        choose_transports([])
    with pytest.raises(ValueError, match="not 'pigeon'"):
        choose_transports(["polling", "pigeon"])


def messages(outbox: ClientOutbox) -> list[list[tuple[int, str | bytes]]]:
    bodies = []
    while len(outbox):
        bodies.append(list(decode_payload(outbox.next_payload())))
    return bodies


@given(
    st.lists(st.one_of(st.text(max_size=30), st.binary(max_size=30)), max_size=20),
    st.integers(10, 200),
)
def test_posts_keep_to_the_limit_and_the_order(data: list[str | bytes], limit: int) -> None:
    data = [item.replace("\x1e", "") if isinstance(item, str) else item for item in data]
    data = [item for item in data if isinstance(item, bytes) or item.isprintable()]
    outbox = ClientOutbox(limit)
    for item in data:
        outbox.add(EnginePacket(MESSAGE, item))
    received = []
    while len(outbox):
        body = outbox.next_payload()
        packets = list(decode_payload(body))
        assert len(body.encode()) <= limit or len(packets) == 1
        received += [content for _, content in packets]
    assert received == data


def test_without_a_limit_everything_goes_at_once() -> None:
    outbox = ClientOutbox(None)
    for number in range(100):
        outbox.add(EnginePacket(MESSAGE, str(number)))
    assert len(messages(outbox)) == 1


def test_close_travels_alone() -> None:
    outbox = ClientOutbox(None)
    outbox.add(EnginePacket(MESSAGE, "1"))
    outbox.add(CLOSE_PACKET)
    assert messages(outbox) == [[(4, "1")], [(1, "")]]
    assert outbox.next() is None
