"""The clients of both flavours against a Go server and socketioxide, a Rust one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rig.client import FlavouredClient
from rig.foreign import GO, RUST, ForeignProgram
from rig.process import Program

import socketio

MakeClient = Callable[..., FlavouredClient]

WAYS: dict[str, dict[str, Any]] = {
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "upgrade": {},
}
VALUES = [1, -2.5, True, None, "", "ünïcödé \u2028 😀", {"a": [1, {"b": "c"}]}, [[], {}]]
BINARY = [b"\x00\xff", b"", b"x" * 70_000, {"deep": [{"binary": b"\x01\x02"}, b"\x03"]}]

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def start(need: Callable[..., Any]) -> Iterator[Callable[[ForeignProgram], Program]]:
    running: dict[str, Program] = {}

    def get(program: ForeignProgram) -> Program:
        if program.language not in running:
            running[program.language] = Program([program.path(need), "server"]).start()
        return running[program.language]

    yield get
    for program in running.values():
        program.kill()


@pytest.fixture(params=["go", "rust", "rust with msgpack"])
def offer(
    request: pytest.FixtureRequest, start: Callable[[ForeignProgram], Program]
) -> tuple[Program, dict[str, Any], dict[str, Any]]:
    """A server, and the arguments of a client and of its connect() for it."""
    server = start(GO if request.param == "go" else RUST)
    if request.param == "rust with msgpack":
        return server, {"serializer": "msgpack"}, {"socketio_path": "msgpack"}
    return server, {}, {}


@pytest.mark.parametrize("way", WAYS)
def test_events_and_acks_both_ways(
    offer: tuple[Program, dict[str, Any], dict[str, Any]], make_client: MakeClient, way: str
) -> None:
    server, options, where = offer
    client = make_client(**options)
    client.listen("connect", "echo", "answered", "number", "disconnect")
    client.listen("question", answer=lambda *values: values)
    client.connect(server.url, auth={"token": "ä"}, **where, **WAYS[way])
    assert client.record.all("connect") == [()]
    assert client.call("auth") == ({"token": "ä"}, client.transport())
    for count, value in enumerate([*VALUES, *BINARY], 1):
        assert client.call("ack", (value, "more")) == (value, "more")
        client.emit("echo", (value, "more"))
        assert client.record.wait("echo", count) == (value, "more")
    client.emit("ask", (b"\x05", "six"))
    assert client.record.wait("answered") == (b"\x05", "six")
    client.emit("burst", 300)
    client.record.wait("number", 300)
    assert client.record.all("number") == [(number,) for number in range(300)]
    sid = client.get_sid()
    client.disconnect()
    assert client.record.all("disconnect") == [("client disconnect",)]
    gone = server.journal.wait(event="disconnect", sid=sid)
    # The Go server may take the end of the connection before the packet that came before it.
    late = {"transport close"} if server.command[0].endswith(GO.target) else set()
    assert gone["reason"] in {"client namespace disconnect", *late}


@pytest.mark.parametrize("way", WAYS)
def test_namespaces_and_the_servers_disconnect(
    offer: tuple[Program, dict[str, Any], dict[str, Any]], make_client: MakeClient, way: str
) -> None:
    server, options, where = offer
    client = make_client(reconnection=False, **options)
    client.listen("echo", "disconnect", namespace="/chat")
    client.listen("disconnect")
    client.connect(server.url, namespaces=["/", "/chat"], **where, **WAYS[way])
    client.emit("echo", ("there", 1), namespace="/chat")
    assert client.record.wait("echo") == ("there", 1)
    client.emit("kick", namespace="/chat")
    assert client.record.wait("disconnect") == ("server disconnect",)
    assert set(client.client.namespaces) == {"/"}
    assert client.call("ack", ("still", "there")) == ("still", "there")


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_carries_what_the_server_says(
    offer: tuple[Program, dict[str, Any], dict[str, Any]], make_client: MakeClient, way: str
) -> None:
    server, options, where = offer
    client = make_client(**options)
    with pytest.raises(socketio.exceptions.ConnectionError, match="nobody may in"):
        client.connect(server.url, namespaces=["/refusing"], **where, **WAYS[way])
    assert not client.connected
