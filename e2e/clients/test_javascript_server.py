"""The clients of both flavours against the JavaScript server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from rig.client import FlavouredClient
from rig.process import DEADLINE, Program

import socketio
from socketio.exceptions import BadNamespaceError, DisconnectedError

MakeClient = Callable[..., FlavouredClient]

WAYS = {
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "upgrade": {},
}
VALUES = [
    1,
    -2.5,
    True,
    None,
    "",
    "ünïcödé \u2028 😀",
    {"a": [1, {"b": "c"}]},
    [[], {}],
    b"",
    b"\x00\xff",
    {"deep": [{"binary": b"\x01\x02"}, b"\x03"]},
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(WAYS[request.param])


@pytest.fixture(params=["default", "msgpack"])
def parser(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def path_of(parser: str) -> str:
    return "msgpack" if parser == "msgpack" else "socket.io"


def test_events_and_acks_both_ways(
    js: Program, make_client: MakeClient, way: dict[str, Any], parser: str
) -> None:
    client = make_client(serializer=parser)
    client.listen("connect", "echo", "answered", "disconnect")
    client.listen("question", answer=lambda *args: args)
    client.connect(js.url, socketio_path=path_of(parser), **way)
    assert client.transport() == (way.get("transports") or ["websocket"])[0]
    assert client.get_sid() != client.client.sid
    assert client.record.all("connect") == [()]
    for value in VALUES:
        assert client.call("echo", (value, "more")) == (value, "more")
    client.emit("echo", tuple(VALUES))
    assert list(client.record.wait("echo")) == VALUES
    client.emit("ask", (b"\x05", "six"))
    assert client.record.wait("answered") == (None, b"\x05", "six")
    assert client.call("echo") is None
    assert client.call("echo", [1, 2]) == [1, 2]
    sid = client.get_sid()
    client.disconnect()
    assert client.record.all("disconnect") == [("client disconnect",)]
    gone = js.journal.wait(event="disconnect", sid=sid)
    assert gone["reason"] == "client namespace disconnect"
    assert not client.connected


def test_a_callback_gets_the_values_of_the_ack(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.connect(js.url)
    client.emit("echo", ("a", b"b"), callback=lambda *args: client.record.add("ack", *args))
    assert client.record.wait("ack") == ("a", b"b")


def test_events_start_in_order(js: Program, make_client: MakeClient, way: dict[str, Any]) -> None:
    """Trap 32, trap 38: more than 16 packets in one poll, too: python-engineio gives up there."""
    client = make_client()
    client.listen("number")
    client.connect(js.url, **way)
    client.emit("burst", 1000)
    client.record.wait("number", 1000)
    assert client.record.all("number") == [(number,) for number in range(1000)]


def test_emits_arrive_in_order(js: Program, make_client: MakeClient, way: dict[str, Any]) -> None:
    client = make_client()
    client.listen("echo")
    client.connect(js.url, **way)
    for number in range(300):
        client.emit("echo", (number, bytes([number % 256])))
    client.record.wait("echo", 300)
    assert [entry[0] for entry in client.record.all("echo")] == list(range(300))


def test_namespaces(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.listen("connect", "echo", "disconnect", namespace="/chat")
    client.connect(js.url, namespaces=["/chat", "/private"])
    assert set(client.client.namespaces) == {"/chat", "/private"}
    client.emit("echo", "there", namespace="/chat")
    assert client.record.wait("echo") == ("there",)
    with pytest.raises(BadNamespaceError, match="/ is not a connected namespace"):
        client.emit("echo", "nowhere")
    client.emit("kick", namespace="/chat")
    assert client.record.wait("disconnect") == ("server disconnect",)
    assert set(client.client.namespaces) == {"/private"}
    assert client.call("echo", "still there", namespace="/private") == "still there"


def test_the_namespaces_that_have_handlers_are_the_default(
    js: Program, make_client: MakeClient
) -> None:
    client = make_client()
    client.listen("connect", namespace="/chat")
    client.listen("anything", namespace="*")
    client.connect(js.url)
    assert list(client.client.namespaces) == ["/chat"]


def test_a_refusal_carries_what_the_server_says(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.listen("connect", "connect_error", "disconnect")
    with pytest.raises(socketio.exceptions.ConnectionError, match="/: not welcome"):
        client.connect(js.url, auth={"refuse": True})
    assert client.record.entries == [
        ("connect_error", {"message": "not welcome", "data": {"code": 42}})
    ]
    assert not client.connected
    client.connect(js.url)
    assert client.connected


def test_one_refused_namespace_ends_the_connection(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.listen("disconnect", namespace="/chat")
    with pytest.raises(
        socketio.exceptions.ConnectionError,
        match="One or more namespaces failed to connect: /refusing; /refusing: nobody may in",
    ):
        client.connect(js.url, namespaces=["/chat", "/refusing"])
    assert client.client.failed_namespaces == ["/refusing"]
    assert client.record.wait("disconnect") == ("client disconnect",)


def test_an_unknown_namespace_is_refused(js: Program, make_client: MakeClient) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError, match="Invalid namespace"):
        make_client().connect(js.url, namespaces="/nowhere")


def test_a_slow_answer_is_waited_for_as_long_as_asked(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    with pytest.raises(socketio.exceptions.ConnectionError, match="did not answer in time"):
        client.connect(js.url, auth={"delay": 1500}, wait_timeout=0.2)
    client.connect(js.url, auth={"delay": 1500}, wait_timeout=DEADLINE)
    assert client.connected


def test_without_waiting(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.listen("connect")
    client.connect(js.url, auth={"delay": 200}, wait=False)
    assert client.record.all("connect") == []
    client.record.wait("connect")
    assert client.call("echo", 1) == 1


def test_auth_headers_query_and_callables(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    headers = {"X-Test": "from a header", "Cookie": "one=1"}
    tag = f"{time.time()}"
    client.connect(
        lambda: f"{js.url}?tag={tag}",
        headers=lambda: headers,
        auth=lambda: {"token": tag},
    )
    seen = js.journal.wait(event="handshake", auth={"token": tag})
    assert seen["query"]["tag"] == tag
    assert seen["header"] == "from a header"
    assert seen["cookie"] == "one=1"
    assert headers == {"X-Test": "from a header", "Cookie": "one=1"}
    assert client.call("headers") == ("from a header", "websocket")


def test_no_auth_and_empty_auth_are_different(js: Program, make_client: MakeClient) -> None:
    """The JavaScript server shows both as {}; that it accepts both is what counts here."""
    for auth in (None, {}):
        client = make_client()
        client.connect(js.url, auth=auth)
        assert client.connected


def test_posts_keep_to_the_servers_limit(js: Program, make_client: MakeClient) -> None:
    """Trap 19."""
    client = make_client()
    client.listen("echo")
    client.connect(js.url, socketio_path="small", transports=["polling"])
    for number in range(40):
        client.emit("echo", (number, "x" * 100))
    client.record.wait("echo", 40)
    js.journal.wait(event="post", variant="small")
    sizes = [entry["size"] for entry in js.journal.all(event="post", variant="small")]
    assert max(sizes) <= 2000
    assert [entry[0] for entry in client.record.all("echo")] == list(range(40))


def test_the_offset_of_a_recovering_server_is_no_argument(
    js: Program, make_client: MakeClient, way: dict[str, Any], parser: str
) -> None:
    """Trap 15."""
    client = make_client(serializer=parser)
    client.listen("echo", "volatile", "answered")
    client.listen("question", answer=lambda *args: args)
    path = "recovery-msgpack" if parser == "msgpack" else "recovery"
    client.connect(js.url, socketio_path=path, **way)
    client.emit("echo", ("a", 1))
    assert client.record.wait("echo") == ("a", 1)
    client.emit("echo", (b"binary",))
    assert client.record.wait("echo", 2) == (b"binary",)
    client.emit("echo", ("two events in one millisecond",))
    client.emit("echo", ("have an offset with a dot",))
    assert client.record.wait("echo", 4) == ("have an offset with a dot",)
    # A volatile event is dropped while no poll waits for it.
    for _ in range(50):
        client.emit("volatile", ("Network", "Network"))
        client.call("echo")
        if client.record.all("volatile"):
            break
    assert client.record.wait("volatile") == ("Network", "Network")
    client.emit("ask", ("Network",))
    assert client.record.wait("answered") == (None, "Network")


def test_a_server_that_never_recovers_may_send_what_looks_like_an_offset(
    js: Program, make_client: MakeClient
) -> None:
    """Trap 15."""
    client = make_client()
    client.listen("echo")
    client.connect(js.url)
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
    now, offset = int(time.time() * 1000), ""
    while now:
        now, digit = divmod(now, 64)
        offset = alphabet[digit] + offset
    client.emit("echo", ("a", offset))
    assert client.record.wait("echo") == ("a", offset)


@pytest.mark.parametrize("event", ["kick", "kick transport"])
def test_the_server_disconnects(
    js: Program, make_client: MakeClient, way: dict[str, Any], event: str
) -> None:
    """Trap 27."""
    client = make_client(reconnection_delay=0.05)
    client.listen("connect", "disconnect", "__disconnect_final")
    client.connect(js.url, **way)
    client.emit(event)
    assert client.record.wait("disconnect") == ("server disconnect",)
    client.wait()
    assert not client.connected
    assert client.record.entries == [
        ("connect",),
        ("disconnect", "server disconnect"),
        ("__disconnect_final",),
    ]


def test_call_fails_at_once_when_the_connection_goes(
    js: Program,
    make_client: MakeClient,
    within: Callable[[float, float], None],
    way: dict[str, Any],
) -> None:
    """Trap 39."""
    client = make_client(reconnection=False)
    client.connect(js.url, **way)
    client.emit("close engine")
    began = time.monotonic()
    with pytest.raises((DisconnectedError, BadNamespaceError)):
        client.call("silence", timeout=30)
    within(time.monotonic() - began, 3)


def test_a_call_without_an_answer_times_out(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.connect(js.url)
    with pytest.raises(socketio.exceptions.TimeoutError, match="no answer to 'silence'"):
        client.call("silence", timeout=0.1)
    assert len(client.client.callbacks["/"]) == 0


def test_a_handler_may_call(js: Program, flavour: str, make_client: MakeClient) -> None:
    """Also when hundreds of them wait for an answer at the same time."""
    client = make_client()
    inner = client.client

    def on_number(number: int) -> None:
        client.record.add("answer", inner.call("echo", number))

    async def on_number_async(number: int) -> None:
        client.record.add("answer", await inner.call("echo", number))

    client.on("number", on_number if flavour == "sync" else on_number_async)
    client.connect(js.url)
    client.emit("burst", 300)
    client.record.wait("answer", 300)
    assert sorted(client.record.all("answer")) == [(number,) for number in range(300)]


def test_heartbeats_keep_a_connection(
    js: Program, make_client: MakeClient, way: dict[str, Any]
) -> None:
    """Each ping is answered, and neither side takes the other for silent."""
    client = make_client(reconnection=False)
    client.listen("disconnect")
    client.connect(js.url, socketio_path="restless", **way)
    js.journal.wait(event="pong", sid=client.get_sid(), count=10)
    assert client.call("echo", 1) == 1
    assert client.record.all("disconnect") == []


def test_a_malformed_packet_ends_the_connection(js: Program, make_client: MakeClient) -> None:
    client = make_client(reconnection=False)
    client.listen("disconnect")
    client.connect(js.url)
    client.emit("raw", "9what is this")
    assert client.record.wait("disconnect") == ("transport error",)


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error", "newListener"])
def test_reserved_events_are_neither_sent_nor_received(
    js: Program, make_client: MakeClient, name: str
) -> None:
    """Trap 1."""
    client = make_client(reconnection=False)
    client.listen("connect", "disconnect", "connect_error")
    client.connect(js.url)
    with pytest.raises(ValueError, match=name):
        client.emit(name, "forged")
    client.emit("raw", f'2["{name}","forged"]')
    assert client.record.wait("disconnect") == ("transport error",)
    assert client.record.entries == [("connect",), ("disconnect", "transport error")]


def test_the_event_named_star_is_no_catch_all(js: Program, make_client: MakeClient) -> None:
    """Trap 45."""
    client = make_client()
    client.listen("*")
    client.connect(js.url)
    client.emit("raw", '2["*","a"]')
    assert client.record.wait("*") == ("*", "a")
    client.emit("echo", "b")
    assert client.record.wait("*", 2) == ("echo", "b")
