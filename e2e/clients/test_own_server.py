"""The clients of both flavours against every kind of server, ours and the JavaScript one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rig.client import FlavouredClient
from rig.process import Program

import socketio

MakeClient = Callable[..., FlavouredClient]

WAYS: dict[str, dict[str, Any]] = {
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "upgrade": {},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(WAYS[request.param])


@pytest.mark.parametrize("path", ["socket.io", "msgpack"])
def test_a_conversation(
    server: Program, make_client: MakeClient, way: dict[str, Any], path: str
) -> None:
    client = make_client(serializer="msgpack" if path == "msgpack" else "default")
    client.listen("connect", "echo", "number", "disconnect")
    client.listen("question", answer=lambda *args: args)
    client.connect(server.url, socketio_path=path, auth={"tag": "t"}, **way)
    assert client.call("whoami")["auth"] == {"tag": "t"}
    values = ("a", 1, None, b"\x00\xff", {"deep": [b"x", {"y": "ü"}]})
    assert client.call("ack", values) == values
    client.emit("echo", values)
    assert client.record.wait("echo") == values
    assert client.call("ask", ("question", 1, b"two"))["answer"] == [1, b"two"]
    client.emit("count", 500)
    client.record.wait("number", 500)
    assert client.record.all("number") == [(number,) for number in range(500)]
    sid = client.get_sid()
    client.disconnect()
    assert client.record.all("disconnect") == [("client disconnect",)]
    assert server.journal.wait(event="disconnect", sid=sid)["reason"] == "client disconnect"


@pytest.mark.parametrize("path", ["socket.io", "msgpack"])
def test_half_a_character(
    server: Program, make_client: MakeClient, way: dict[str, Any], path: str
) -> None:
    """JSON carries it as an escape, msgpack as U+FFFD; nothing fails because of it."""
    client = make_client(serializer="msgpack" if path == "msgpack" else "default")
    half = "half \ud83d"
    arrives = half if path == "socket.io" else "half \ufffd"
    client.listen("connect", "echo")
    client.listen("question", answer=lambda *args: args)
    client.connect(server.url, socketio_path=path, auth={"who": half}, **way)
    assert client.call("whoami")["auth"] == {"who": arrives}
    assert client.call("ack", (half, b"x", {half: [half]})) == (arrives, b"x", {arrives: [arrives]})
    assert client.call("ask", ("question", half, b"x"))["answer"] == [arrives, b"x"]
    client.emit("echo", half)
    assert client.record.wait("echo") == (arrives,)
    client.emit("broadcast", (half, half))
    assert client.call("ack plain", "still here") == "still here"


def test_the_server_ends_it(server: Program, make_client: MakeClient) -> None:
    client = make_client(reconnection_delay=0.01)
    client.listen("connect", "disconnect", "__disconnect_final")
    client.connect(server.url)
    client.emit("bye")
    client.wait()
    assert client.record.entries == [
        ("connect",),
        ("disconnect", "server disconnect"),
        ("__disconnect_final",),
    ]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("message", {"message": "not allowed"}),
        ("data", {"message": "not allowed", "data": {"code": 42}}),
    ],
)
def test_a_refusal(
    server: Program, make_client: MakeClient, wish: str, expected: dict[str, Any]
) -> None:
    client = make_client()
    client.listen("connect_error")
    with pytest.raises(socketio.exceptions.ConnectionError, match="not allowed"):
        client.connect(server.url, auth={"refuse": wish})
    assert client.record.all("connect_error") == [(expected,)]


def test_reconnects(own_server: Program, make_client: MakeClient) -> None:
    client = make_client(reconnection_delay=0.1, reconnection_delay_max=0.3)
    client.listen("connect", "disconnect")
    client.connect(own_server.url)
    own_server.stop()
    client.record.wait("disconnect")
    own_server.restart()
    client.record.wait("connect", 2)
    assert client.call("ack plain", 7) == 7
