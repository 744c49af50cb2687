"""Socket.IO packets, well-formed and not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from rig.process import Program
from rig.wire import ClosedError, Peer, connect_packet

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])


def placeholders(count: int) -> str:
    return ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(count))


async def ended_by_error(client: Peer, server: Program) -> None:
    """Wait for the session to end, the handler called once and at once (pings are 25 s apart)."""
    if server.reference and client.engine.socket is None:
        await client.gone()  # it tells a polling client with the next poll
    for sid in client.sids.values():
        entry = await server.seen(event="disconnect", sid=sid)
        assert entry["reason"] == "transport error"
    await client.gone()
    for sid in client.sids.values():
        assert len(server.journal.all(event="disconnect", sid=sid)) == 1


MALFORMED = {
    "empty": "",
    "unknown type": "9",
    "no type": "abc",
    "event without a payload": "2",
    "event that is an object": "2{}",
    "event that is a string": '2"echo"',
    "event that is no JSON": "2abc",
    "event that is empty": "2[]",
    "event without a name": "2[null]",
    "event named by an object": '2[{"name":"echo"}]',
    "event named by a list": '2[["echo"]]',
    "event cut short": '2["echo"',
    "event with something after it": '2["echo"]x',
    "event with an ack id that is none": '2abc["echo"]',
    "event with a negative ack id": '2-1["echo"]',
    "ack without a payload": "30",
    "ack that is an object": "30{}",
    "connect with a list": "0[]",
    "connect with a string": '0"auth"',
    "connect cut short": "0{",
    "disconnect with a payload": '1{"why":1}',
    "binary event without a count": '5["echo"]',
    "binary event with a bad count": '5x-["echo"]',
    "binary event with no dash": '51["echo"]',
    "binary event with a negative count": '5--1-["echo"]',
    "binary event with a fraction": '51.5-["echo"]',
    "binary event with 11 attachments": f'511-["echo",{placeholders(11)}]',
    "binary event with a billion attachments": '51000000000-["echo"]',
    "binary event that is no list": "51-{}",
}
REFERENCE_TAKES = {
    "event without a payload",  # an event without a name, which no handler has
    "ack without a payload",
    "event with a negative ack id",  # "no such event": ignored
    "binary event with a billion attachments",
}


@TRANSPORTS
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_packet_ends_the_session(
    peer: Any, server: Program, transport: str, case: str
) -> None:
    """Trap 26, trap 5: at once, with the handler called once; nobody else notices."""
    if server.reference and case in REFERENCE_TAKES:
        return
    client: Peer = await peer(transport)
    other: Peer = await peer(transport)
    await client.raw("4" + MALFORMED[case])
    await ended_by_error(client, server)
    assert await other.ask("ack plain", 1) == [1]


@TRANSPORTS
@pytest.mark.parametrize(
    "packet",
    ['2["echo"]', "3/chat,0[]", f'51-["echo",{placeholders(1)}]', '20["ack",1]', "4{}"],
)
async def test_nothing_is_taken_before_a_namespace_is_joined(
    peer: Any, server: Program, transport: str, packet: str
) -> None:
    """Trap 5: binary is refused before anybody has joined, so is the rest."""
    if server.reference and packet.startswith("5"):
        return  # it waits for the attachments first
    client: Peer = await peer(transport, join=False)
    await client.raw("4" + packet)
    await client.gone()


@TRANSPORTS
async def test_joining_twice(peer: Any, server: Program, transport: str) -> None:
    """A second CONNECT never makes a second client."""
    client: Peer = await peer(transport)
    await client.raw("40")
    try:
        packet = await client.receive(1)
        assert isinstance(packet, str)
        assert packet.startswith("4{"), packet
    except (ClosedError, TimeoutError):
        pass  # closed or ignored, as good
    else:
        assert await client.ask("ack plain", 1) == [1]


@TRANSPORTS
@pytest.mark.parametrize("count", [1, 10])
async def test_attachments_come_back(peer: Any, transport: str, count: int) -> None:
    """Trap 5: ten are allowed."""
    client: Peer = await peer(transport)
    blobs = [bytes([number]) * number for number in range(count)]
    await client.send(f'5{count}-["echo",{placeholders(count)}]', *blobs)
    assert await client.event() == ["echo", *blobs]


@TRANSPORTS
async def test_an_attachment_can_be_used_twice_or_not(peer: Any, transport: str) -> None:
    client: Peer = await peer(transport)
    twice = '{"_placeholder":true,"num":1}'
    await client.send(f'52-["ack plain",[{twice},{twice}]]'.replace("-[", "-0["), b"a", b"b")
    _, _, number, answer = await client.packet()
    assert (number, answer) == (0, [[b"b", b"b"]])


@TRANSPORTS
async def test_a_binary_packet_without_attachments(peer: Any, transport: str) -> None:
    """Trap 5: it does not wedge the connection."""
    client: Peer = await peer(transport)
    await client.raw('450-["echo",1]')
    try:
        assert await client.event() == ["echo", 1]
    except ClosedError:
        return  # refused, as good
    assert await client.ask("ack plain", 2) == [2]


@TRANSPORTS
async def test_text_where_an_attachment_is_due(peer: Any, server: Program, transport: str) -> None:
    """Trap 5."""
    client: Peer = await peer(transport)
    await client.raw(f'451-["echo",{placeholders(1)}]', '42["echo","text"]')
    await ended_by_error(client, server)


BAD_PLACEHOLDERS = ["-1", "1", "99", '"0"', "1.5", "null", "true", "[]", "{}", "1e9"]


@TRANSPORTS
@pytest.mark.parametrize("number", BAD_PLACEHOLDERS)
async def test_a_placeholder_that_points_nowhere(
    peer: Any, server: Program, transport: str, number: str
) -> None:
    """Trap 5."""
    client: Peer = await peer(transport)
    await client.raw(f'451-["echo",{{"_placeholder":true,"num":{number}}}]', b"x")
    await ended_by_error(client, server)


async def test_a_placeholder_without_a_number(peer: Any, server: Program) -> None:
    """Trap 5."""
    client: Peer = await peer()
    await client.raw('451-["echo",{"_placeholder":true}]', b"x")
    await ended_by_error(client, server)


async def test_what_only_looks_like_a_placeholder(peer: Any) -> None:
    """Trap 5: in a packet without attachments it is data."""
    client: Peer = await peer()
    for value in ('{"_placeholder":true,"num":0}', '{"_placeholder":false}'):
        await client.send(f'20["ack plain",{value}]')
        assert await client.receive() == f"30[{value}]"


@TRANSPORTS
async def test_half_a_character_comes_back_as_an_escape(peer: Any, transport: str) -> None:
    """JavaScript cuts strings between surrogates: in events, acks, keys, nested, with binary."""
    client: Peer = await peer(transport)
    value = r'{"\ud83d":["\ude00",{"ü":"a\ud83d"}]}'
    await client.send(f'20["ack plain",{value}]')
    assert await client.receive() == f"30[{value}]"
    await client.send(f'2["echo",{value}]')
    assert await client.receive() == f'2["echo",{value}]'
    await client.send(f'51-["echo",{value},{placeholders(1)}]', b"x")
    assert await client.receive() == f'51-["echo",{value},{placeholders(1)}]'
    assert await client.receive() == b"x"
    half = "half \ud83d"
    await client.send(f"29{json.dumps(['ask', half, half])}")
    _, _, number, asked = await client.packet()
    assert asked == [half, half]
    await client.send(f"3{number}{json.dumps([half])}")
    assert await client.receive() == r'39[{"answer":"half \ud83d"}]'
    assert await client.ask("join", half) == [sorted([client.sids["/"], half])]
    await client.emit("tell", half, "to a room", half)
    assert await client.event() == ["to a room", half]


@TRANSPORTS
async def test_half_a_character_in_auth_and_in_a_namespace_of_methods(
    peer: Any, transport: str
) -> None:
    half = "half \ud83d"
    client: Peer = await peer(transport, who=half)
    assert (await client.ask("whoami"))[0]["auth"] == {"who": half}
    await client.connect("/class")
    await client.emit(half, 1, namespace="/class")  # no method can have this name
    assert await client.ask("where", namespace="/class") == ["/class"]
    await client.connect("/any")
    answer = await client.ask(half, half, namespace="/any")
    assert answer[0][0:2] == ["catch-all", half]
    assert answer[0][3] == [half]


@pytest.mark.python_only("it has no such limit")
async def test_attachments_have_a_total_size(peer: Any, server: Program) -> None:
    """Trap 5: each below the limit of a frame, together above it."""
    client: Peer = await peer()
    await client.raw(f'4510-["echo",{placeholders(10)}]', *[bytes(90_000)] * 10)
    await ended_by_error(client, server)


@TRANSPORTS
async def test_attachments_due_at_the_end_are_forgotten(
    peer: Any, server: Program, transport: str
) -> None:
    """Trap 5: leaving with an attachment due ends the session, not the server."""
    client: Peer = await peer(transport)
    await client.raw(f'452-["echo",{placeholders(2)}]', b"one", "41")
    await ended_by_error(client, server)
    again: Peer = await peer(transport)
    assert await again.ask("ack plain", 1) == [1]


@TRANSPORTS
async def test_acks_that_nobody_asked_for_are_ignored(peer: Any, transport: str) -> None:
    """Trap 4: id 0, unknown ids, a second answer; ids go on afterwards."""
    client: Peer = await peer(transport)
    for packet in ("30[]", "31[]", "3999[1,2]", "30[]"):
        await client.send(packet)
    for turn in range(2):
        await client.emit("ask callback", "question", turn)
        kind, _, number, data = await client.packet()
        assert (kind, data) == ("2", ["question", turn])
        await client.send(f'3{number}[{turn},"first"]')
        await client.send(f'3{number}["second"]')
        await client.send("30[]")
        assert await client.event() == ["answers", [[turn, "first"]]]


@TRANSPORTS
async def test_an_ack_of_another_client_is_ignored(peer: Any, transport: str) -> None:
    """Trap 4, trap 7."""
    asked: Peer = await peer(transport)
    forger: Peer = await peer(transport)
    await asked.emit("ask callback", "question")
    _, _, number, _ = await asked.packet()
    await forger.send(f'3{number}["forged"]')
    assert await forger.ask("ack plain", 1) == [1]
    await asked.send(f'3{number}["genuine"]')
    assert await asked.event() == ["answers", [["genuine"]]]


@TRANSPORTS
@pytest.mark.parametrize("number", [0, 1, 2**31, 999_999_999_999_999])
async def test_ack_ids_of_the_client(peer: Any, transport: str, number: int) -> None:
    """Trap 13: from 0 on."""
    client: Peer = await peer(transport)
    await client.send(f'2{number}["ack","answer"]')
    assert await client.receive() == f'3{number}["answer"]'


@pytest.mark.python_only("a number of any length is a number to it")
@pytest.mark.parametrize("digits", [25, 5000])
async def test_ack_ids_are_bounded(peer: Any, server: Program, digits: int) -> None:
    """Trap 6."""
    client: Peer = await peer()
    await client.raw(f'42{"9" * digits}["ack",1]')
    await ended_by_error(client, server)


BOUNDLESS = {
    "an integer of 5,000 digits": '42["echo",' + "9" * 5000 + "]",
    "10,000 lists in one another": '42["echo",' + "[" * 10_000 + "]" * 10_000 + "]",
    "10,000 objects in one another": '42["echo",' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "]",
}


@pytest.mark.python_only("its JSON has no bounds")
@pytest.mark.parametrize("case", BOUNDLESS)
async def test_json_is_bounded(peer: Any, server: Program, case: str) -> None:
    """Trap 6."""
    client: Peer = await peer()
    await client.raw(BOUNDLESS[case])
    await ended_by_error(client, server)


@pytest.mark.python_only("its JSON is the standard's: no such names")
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "[1,NaN]"])
async def test_json_has_no_nan(peer: Any, server: Program, value: str) -> None:
    """Trap 48: inbound as well."""
    client: Peer = await peer()
    await client.raw(f'42["echo",{value}]')
    await ended_by_error(client, server)


async def test_names_with_a_meaning_elsewhere_are_plain(peer: Any, server: Program) -> None:
    """Trap 6: `__proto__` and its like."""
    client: Peer = await peer()
    value = {"__proto__": {"admin": True}, "constructor": 1, "__class__": "x"}
    assert await client.ask("__proto__", value) == [value]
    assert await client.ask("ack", value, "__init__") == [value, "__init__"]
    for event in ("constructor", "toString", "hasOwnProperty", "__init__", "emit", "trigger"):
        await client.emit(event, 1)
    assert await client.ask("ack plain", 2) == [2]


LIFECYCLE = [
    ["connect", {"REMOTE_ADDR": "forged"}, {"user": "admin"}],
    ["connect"],
    ["disconnect", "forged reason"],
    ["disconnect"],
]


@pytest.mark.parametrize("event", LIFECYCLE, ids=json.dumps)
@pytest.mark.parametrize("namespace", ["/", "/any", "/class"])
async def test_lifecycle_handlers_are_out_of_reach(
    peer: Any, server: Program, namespace: str, event: list[Any]
) -> None:
    """Trap 1: reserved names are refused inbound; function, catch-all and class handlers."""
    client: Peer = await peer(join=False)
    sid = await client.connect(namespace)
    await server.seen(event="connect", sid=sid)
    number = "7" if len(event) == 1 else ""
    where = "" if namespace == "/" else f"{namespace},"
    await client.raw(f"42{where}{number}{json.dumps(event)}")
    try:
        answer = await client.receive(0.3)
    except (ClosedError, TimeoutError):
        pass  # ended or ignored
    else:
        pytest.fail(f"the server answered {answer!r}")
    later: Peer = await peer()
    await server.seen(event="connect", sid=later.sids["/"])
    assert len(server.journal.all(event="connect", sid=sid)) == 1
    forged = [
        entry
        for entry in server.journal.all(event="disconnect", sid=sid)
        if entry["reason"] not in {"transport error", "transport close"}
    ]
    assert not forged
    assert server.journal.all(sid="forged reason") == []


async def test_an_event_named_star_is_an_event(peer: Any) -> None:
    """Trap 45: the catch-all handler gets its name like any other."""
    client: Peer = await peer(join=False)
    sid = await client.connect("/any")
    answer = await client.ask("*", 1, 2, namespace="/any")
    assert answer == [["catch-all", "*", sid, [1, 2]]]
    assert await client.ask("plain", namespace="/any") == [["catch-all", "plain", sid, []]]


async def test_an_event_named_star_reaches_no_handler_elsewhere(peer: Any) -> None:
    """Trap 45."""
    client: Peer = await peer()
    await client.send('25["*",1]')
    assert await client.ask("ack plain", 1) == [1]


async def test_events_that_nobody_handles(peer: Any) -> None:
    """They are neither answered nor an error."""
    client: Peer = await peer()
    await client.send('299["nobody handles this",1]')
    await client.emit("")
    await client.emit("x" * 1000)
    assert await client.ask("ack plain", 1) == [1]


@pytest.mark.python_only("more arguments than parameters are dropped silently in JavaScript")
@pytest.mark.logs_traceback
async def test_too_many_arguments_for_a_handler(peer: Any, server: Program) -> None:
    """The handler fails, the connection and its other events do not."""
    before = len(server.errors)
    client: Peer = await peer()
    await client.emit("ack plain", 1, 2, 3)
    await client.emit("message")
    assert await client.ask("ack plain", 1) == [1]
    # What a thread is late to log would be taken for the next test's.
    for reason in ("2 positional arguments but 4 were given", "missing 1 required positional"):
        await asyncio.to_thread(server.wait_for_log, reason, before)


@TRANSPORTS
async def test_two_clients_at_once_on_one_namespace_each(peer: Any, transport: str) -> None:
    """Trap 7: three namespaces, four different ids."""
    client: Peer = await peer(transport)
    for namespace in ("/chat", "/any"):
        await client.connect(namespace)
    assert len({*client.sids.values(), client.engine.sid}) == 4


async def test_the_secret_id_is_of_no_use_as_a_recipient(peer: Any) -> None:
    """Trap 7: a Socket.IO sid opens no Engine.IO session."""
    client: Peer = await peer("polling")
    answer = await client.engine.request(sid=client.sids["/"])
    assert answer.status == 400


REFUSALS = ["/nowhere", "/nowhere?query=1", "/ünï", "/" + "x" * 500]


@pytest.mark.parametrize("namespace", REFUSALS)
async def test_an_unknown_namespace(peer: Any, namespace: str) -> None:
    """Trap 11: an object with a message; the session goes on."""
    client: Peer = await peer()
    await client.send(connect_packet(namespace))
    kind, where, _, data = await client.packet()
    assert kind == "4"
    assert where.partition("?")[0] == namespace.partition("?")[0]
    assert isinstance(data, dict)
    assert isinstance(data["message"], str)
    assert data["message"]
    assert await client.ask("ack plain", 1) == [1]


async def test_many_unknown_namespaces_leave_nothing_behind(peer: Any) -> None:
    """A client cannot make the server keep state for namespaces that do not exist."""
    client: Peer = await peer()
    for number in range(200):
        await client.send(connect_packet(f"/unknown{number}"))
    for _ in range(200):
        kind, *_ = await client.packet()
        assert kind == "4"
    assert await client.ask("ack plain", 1) == [1]


@pytest.mark.parametrize(("auth", "seen"), [(..., None), ({}, {}), ({"a": 1}, {"a": 1})], ids=str)
@pytest.mark.python_only("no auth is an empty object to it")
async def test_auth_that_is_empty_and_none(peer: Any, auth: Any, seen: Any) -> None:
    """Trap 16."""
    client: Peer = await peer(join=False)
    await client.connect(auth=auth)
    [facts] = await client.ask("whoami")
    assert facts["auth"] == seen


async def test_unicode_in_names(peer: Any) -> None:
    client: Peer = await peer(join=False)
    await client.connect("/any")
    for name in ("ünï", "世界", "🚀", " ", 'q"uote', "comma,dash-1"):
        [answer] = await client.ask(name, namespace="/any")
        assert answer[1] == name


async def test_the_server_survives_a_storm_of_garbage(peer: Any, server: Program) -> None:
    """Trap 26: bad clients in parallel, good ones undisturbed."""
    good: Peer = await peer()

    async def bad(number: int) -> None:
        packets = list(MALFORMED.values())
        client: Peer = await peer(("polling", "websocket")[number % 2], join=number % 3 > 0)
        await client.raw("4" + packets[number % len(packets)])
        if client.engine.socket is not None:
            await client.engine.socket.close()

    await asyncio.gather(*(bad(number) for number in range(40)))
    assert await good.ask("ack plain", 1) == [1]
