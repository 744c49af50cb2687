"""What the Admin UI shows: values, requests and counters."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from socketio._core.logs import log_id
from socketio.server.admin_view import TrafficCounts, client_description, room_name, shown, written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"12", "<2 bytes>"),
        (bytearray(3), "<3 bytes>"),
        ((1, [b""]), [1, ["<0 bytes>"]]),
        ({1: {"deep": {2}}}, {"1": {"deep": [2]}}),
        (object(), "<object>"),
    ],
)
def test_every_value_can_be_sent(value: Any, expected: Any) -> None:
    assert shown(value) == expected


def test_depth_is_bounded() -> None:
    endless: list[Any] = []
    endless.append(endless)
    text = str(shown(endless))
    assert text.endswith("<list>" + "'" + "]" * 6)


def test_dates_are_written_as_in_javascript() -> None:
    assert written(0) == "1970-01-01T00:00:00.000Z"
    assert written(1_700_000_000.1234) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(
    ("room", "name"), [("red", "red"), (7, "7"), (("a", 1), "['a', 1]"), (None, "None")]
)
def test_rooms_have_names(room: Any, name: str) -> None:
    assert room_name(room) == name


def test_secrets_of_a_request_are_not_shown() -> None:
    described = client_description(
        "sid",
        "/",
        "0123456789abcdefghij",
        "polling",
        {
            "HTTP_AUTHORIZATION": "Bearer secret",
            "HTTP_COOKIE": "id=secret",
            "HTTP_ORIGIN": "https://example.org",
            "HTTP_X_FORWARDED_FOR": "10.0.0.1",
            "QUERY_STRING": "EIO=4&transport=polling&sid=secret&room=1&empty=",
            "PATH_INFO": "/socket.io/",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "https",
        },
        ["sid", 7],
        {"user": object()},
        0,
    )
    handshake = described["handshake"]
    assert described["clientId"] == log_id("0123456789abcdefghij")
    assert described["rooms"] == ["sid", "7"]
    assert described["data"] == {"user": "<object>"}
    assert handshake["address"] == "10.0.0.1"
    assert handshake["headers"]["authorization"] == "(not shown)"
    assert handshake["query"] == {"EIO": "4", "transport": "polling", "room": "1", "empty": ""}
    assert handshake["secure"] is True
    assert handshake["xdomain"] is True
    assert "secret" not in str(described)


def test_counts_are_taken_once() -> None:
    counts = TrafficCounts()
    counts.add("packetsIn")
    counts.add("bytesIn", None, 5)
    counts.add("rawDisconnection", "transport close")
    taken = counts.take()
    assert {event["type"]: event["count"] for event in taken} == {
        "packetsIn": 1,
        "bytesIn": 5,
        "rawDisconnection": 1,
    }
    assert [event.get("subType") for event in taken] == [None, None, "transport close"]
    assert all(event["timestamp"] % 1000 == 0 for event in taken)
    assert counts.take() == []


def test_threads_lose_no_count() -> None:
    counts = TrafficCounts()

    def count() -> None:
        for _ in range(1000):
            counts.add("packetsIn")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(event["count"] for event in counts.take()) == 4000
