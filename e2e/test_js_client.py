"""The official JavaScript client, in Node, against every server."""

from __future__ import annotations

import math
import signal
from typing import Any

import pytest
from rig.node import NodeClient
from rig.process import Program

UPGRADE = ["polling", "websocket"]
TRANSPORTS = pytest.mark.parametrize(
    "transports", [UPGRADE, ["websocket"], ["polling"]], ids="-".join
)
PARSERS = pytest.mark.parametrize("variant", ["main", "msgpack"])
LIMIT = 100_000
MESSAGES = [
    [],
    ["text"],
    [1, -2.5, True, False, None, "several", ["list"], {"key": "value"}],
    ['Grüße, 世界, שלום, 🚀 \u2028\u2029 \x00\x1e\x7f "quoted" \\ back'],
    ["", [], {}, [[]], {"": {}}],
    [b"\x00\x01\x1e\xff"],
    [b"", {"deep": [{"er": [b"one", {"two": b"\xff\xfe"}]}]}, "text between", b"three"],
    [{"_placeholder": False, "num": 0}, {"__proto__x": 1}],
    [2**53 - 1, -(2**53 - 1), 1.5e-300],
]


@TRANSPORTS
def test_connects(node: NodeClient, server: Program, transports: list[str]) -> None:
    facts = node.run("connect", server.url, transports=transports)
    assert (facts["first"], facts["last"]) == (transports[0], transports[-1])
    assert facts["facts"]["transport"] == transports[-1]
    assert facts["facts"]["sid"] == facts["sid"]
    assert facts["facts"]["path"] == "/socket.io/"
    assert "EIO=4" in facts["facts"]["query"]
    assert facts["sid"] != facts["engineSid"], "the Engine.IO sid is a secret"
    assert server.journal.wait(event="connect", sid=facts["sid"])["server"] == "main"


@PARSERS
@TRANSPORTS
def test_echoes_every_kind_of_data(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    facts = node.run(
        "echo",
        server.url,
        transports=transports,
        variant=variant,
        messages=MESSAGES,
        settle=True,
    )
    assert facts["answers"] == MESSAGES


@TRANSPORTS
def test_echoes_half_a_character(node: NodeClient, server: Program, transports: list[str]) -> None:
    """JavaScript makes such text by cutting strings, and sends it as an escape."""
    messages = [["\ud83d", "\ude00"], [{"\ud83d": ["a\ud83d", b"x"]}]]
    facts = node.run("echo", server.url, transports=transports, messages=messages, settle=True)
    assert facts["answers"] == messages


@PARSERS
@pytest.mark.parametrize("data", ["text", b"\x01binary", {"object": [1]}], ids=repr)
def test_send_is_the_message_event(
    node: NodeClient, server: Program, data: Any, variant: str
) -> None:
    assert node.run("message", server.url, data=data, variant=variant) == {"back": [data]}


@PARSERS
@TRANSPORTS
def test_binary_of_every_kind_reaches_the_client(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    """Trap 17, trap 47: tuples, nesting, bytearray, memoryview, empty."""
    facts = node.run("binaryKinds", server.url, transports=transports, variant=variant)
    assert facts["args"] == [
        b"bytes",
        b"bytearray",
        b"memoryview",
        b"",
        {"list": [b"in list"], "tuple": [b"in tuple", [b"deeper"]]},
    ]


@PARSERS
@TRANSPORTS
def test_acks_both_ways(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    """Trap 4, trap 13: ids from 0, one answer per id."""
    args = [1, "two", {"three": b"\x03"}]
    facts = node.run("acks", server.url, transports=transports, variant=variant, args=args)
    assert facts == {
        "all": args,
        "plain": args,
        "nothing": [],
        "asked": {"answer": [*args, "answered"]},
        "askedNothing": {"answer": None},
        "silence": "timeout",
        "callback": [[*args, "answered"]],
        "questions": [args, args],
        "unhandled": "timeout",
    }


@PARSERS
@TRANSPORTS
def test_namespaces(node: NodeClient, server: Program, transports: list[str], variant: str) -> None:
    """Trap 7, trap 11, trap 45: a sid per namespace, errors as objects, the event `*`."""
    facts = node.run("namespaces", server.url, transports=transports, variant=variant)
    assert len({*facts["sids"], facts["engineSid"]}) == 5
    assert facts["unknown"]["message"]
    assert facts["unknown"]["active"] is False
    assert facts["echoes"] == {
        "root": ["root", b"root"],
        "chat": ["chat", b"chat"],
        "byClass": ["byClass", b"byClass"],
    }
    assert facts["where"] == "/class"
    sid = facts["sids"][2]
    assert facts["any"] == ["catch-all", "whatever you like", sid, [1, "two"]]
    assert facts["star"] == ["catch-all", "*", sid, [1]]
    assert facts["chatReason"] == "io server disconnect"
    assert facts["rootAfter"] is True
    assert facts["rootAnswers"] == "still here"
    assert facts["chatAgain"] is True


@PARSERS
@TRANSPORTS
def test_auth_and_refusal(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    """Trap 11: a refusal is an object with a message, and data if there is any."""
    accepted = {"empty": {}, "token": {"token": "Grüße", "deep": [1, {"two": None}]}}
    facts = node.run(
        "auth",
        server.url,
        transports=transports,
        variant=variant,
        accepted=accepted,
        refused=["false", "empty", "message", "data", "builtin"],
    )
    assert facts["accepted"] == accepted
    assert facts["secondTry"] == {"tag": "second try"}
    for name, refusal in facts["refused"].items():
        assert refusal["message"], name
        assert refusal["active"] is False, name
        assert refusal["data"] == ({"code": 42} if name == "data" else None), name
    assert facts["refused"]["data"]["message"] == "not allowed"
    assert facts["refused"]["message"]["message"] == "not allowed"


@pytest.mark.python_only("its middleware runs before the socket can emit")
@pytest.mark.logs_traceback
def test_an_exception_in_the_connect_handler_refuses(node: NodeClient, server: Program) -> None:
    """Trap 30: CONNECT_ERROR for the client, a traceback for the log."""
    before = len(server.errors)
    facts = node.run("auth", server.url, accepted={}, refused=["error"])
    assert facts["refused"]["error"]["message"]
    assert "on purpose" not in facts["refused"]["error"]["message"], "internals stay inside"
    server.wait_for_log("the connect handler failed on purpose", before)


@PARSERS
@TRANSPORTS
def test_what_the_connect_handler_emits_comes_after_connect(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    """Trap 31."""
    facts = node.run("early", server.url, transports=transports, variant=variant)
    assert facts == {"order": ["connect", "first word"]}


@PARSERS
@TRANSPORTS
def test_rooms(node: NodeClient, server: Program, transports: list[str], variant: str) -> None:
    """Trap 3: an empty list or name is nobody; any iterable of sids is left out."""
    facts = node.run("rooms", server.url, transports=transports, variant=variant)
    one, two, _ = facts["sids"]
    assert facts["joined"] == [sorted([one, "red"]), sorted([two, "red"])]
    assert facts["left"] == [two]
    assert facts["heard"] == {
        "one": [["to red"], ["to both", b"\x01\x02"], ["to all"], ["after leaving"]],
        "two": [
            ["to red"],
            ["to the others in red"],
            ["to both", b"\x01\x02"],
            ["all but one and three"],
            ["to all"],
        ],
        "three": [["to both", b"\x01\x02"], ["to three"], ["to all"]],
    }


@PARSERS
def test_binary_broadcast_to_polling_and_websocket(
    node: NodeClient, server: Program, variant: str
) -> None:
    """Trap 14: base64 for one, raw for the other."""
    facts = node.run("binaryBroadcast", server.url, variant=variant)
    assert facts["byPolling"] == [{"deep": [b"\x00\x01\xff"]}, b""]
    assert facts["byWebsocket"] == facts["byPolling"]


@PARSERS
@TRANSPORTS
def test_disconnect_reasons_on_both_sides(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    """Trap 12, trap 27, trap 28: reasons, once each; JS does not reconnect after `bye`."""
    facts = node.run("reasons", server.url, transports=transports, variant=variant)
    assert facts["server"]["reason"] == "io server disconnect"
    assert facts["server"]["active"] is False
    assert facts["lastWords"]["words"] == "goodbye"
    assert facts["lastWords"]["reason"] == "io server disconnect"
    assert facts["close"]["reason"] in {"io server disconnect", "transport close"}
    expected = {
        "client": {"client disconnect"},
        "server": {"server disconnect"},
        "lastWords": {"server disconnect"},
        "close": {"server disconnect"},
        "gone": {"transport close"},
    }
    if transports == ["polling"]:
        # Closing a polling transport sends a close packet: the client says goodbye.
        expected["gone"] = {"transport close", "client disconnect"}
    for name, reasons in expected.items():
        sid = facts[name]["sid"]
        entry = server.journal.wait(event="disconnect", sid=sid)
        assert entry["reason"] in reasons, name
        assert len(server.journal.all(event="disconnect", sid=sid)) == 1, name


@TRANSPORTS
def test_a_client_that_answers_pings_stays(
    node: NodeClient, server: Program, transports: list[str]
) -> None:
    facts = node.run("heartbeat", server.url, transports=transports)
    assert facts == {"alive": "alive", "connected": True}


@TRANSPORTS
def test_a_silent_client_is_timed_out(
    node: NodeClient, server: Program, transports: list[str]
) -> None:
    """Trap 53."""
    facts = node.run("silentClient", server.url, transports=transports)
    assert facts["reason"] in {"transport close", "transport error"}
    entry = server.journal.wait(event="disconnect", sid=facts["sid"])
    assert entry["reason"] == "ping timeout"


@pytest.mark.parametrize("transports", [["polling"], ["websocket"]], ids="-".join)
def test_a_silent_server_is_noticed(
    node: NodeClient, own_server: Program, transports: list[str]
) -> None:
    scenario = node.start("silentServer", own_server.url, transports=transports)
    scenario.progress("connected")
    own_server.send(signal.SIGSTOP)
    try:
        assert scenario.result()["reason"] == "ping timeout"
    finally:
        own_server.send(signal.SIGCONT)


@TRANSPORTS
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_reconnects_after_a_server_restart(
    node: NodeClient, own_server: Program, transports: list[str], end: str
) -> None:
    scenario = node.start("restart", own_server.url, transports=transports)
    scenario.progress("connected")
    if end == "stop":
        own_server.stop()
    else:
        own_server.kill()
    scenario.progress("away")
    own_server.restart()
    facts = scenario.result()
    # Never "io server disconnect": after that one the client would stay away.
    assert facts["reason"] in {"transport close", "transport error"}
    assert facts["second"] != facts["first"]
    assert facts["buffered"] == "said while away"
    assert facts["rooms"] == sorted([facts["second"], "blue"])


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@TRANSPORTS
def test_a_payload_just_under_the_limit_is_taken(
    node: NodeClient, server: Program, transports: list[str], binary: bool
) -> None:
    # The envelope is `42<id>["ack plain","…"]`; in polling, binary grows by a third.
    size = LIMIT - 60
    if binary and transports == ["polling"]:
        size = math.floor(size * 3 / 4) - 60
    facts = node.run("payload", server.url, transports=transports, size=size, binary=binary)
    assert facts.get("size") == size, facts


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@TRANSPORTS
def test_a_payload_just_over_the_limit_ends_the_session(
    node: NodeClient, server: Program, transports: list[str], binary: bool
) -> None:
    """Trap 51: the limit holds on the websocket too."""
    facts = node.run("payload", server.url, transports=transports, size=LIMIT + 1, binary=binary)
    assert facts.get("reason") in {"transport close", "transport error"}, facts
    entry = server.journal.wait(event="disconnect", sid=facts["sid"])
    assert entry["reason"] in {"transport close", "transport error"}
    assert len(server.journal.all(event="disconnect", sid=facts["sid"])) == 1


def test_more_than_one_post_is_split_by_the_client(node: NodeClient, server: Program) -> None:
    """Trap 18, trap 19: 60 events of 20 kB against a limit of 100 kB."""
    facts = node.run("manyPolls", server.url, transports=["polling"], count=60, size=20_000)
    assert facts["maxPayload"] == LIMIT
    assert facts["answers"] == list(range(60))


def test_many_small_events_in_one_post(node: NodeClient, server: Program) -> None:
    """Trap 18: no cap on the number of packets."""
    facts = node.run("manyPolls", server.url, transports=["polling"], count=300, size=1)
    assert facts["answers"] == list(range(300))


@PARSERS
@TRANSPORTS
def test_a_thousand_numbers_both_ways(
    node: NodeClient, server: Program, transports: list[str], variant: str
) -> None:
    """Trap 23: in order, none lost, none twice, across the upgrade."""
    facts = node.run("numbers", server.url, transports=transports, total=1000, variant=variant)
    assert facts["transports"] == transports
    assert facts["received"] == list(range(1000))
    assert facts["heard"] == list(range(1000))


@TRANSPORTS
def test_handlers_start_in_order_and_overlap(
    node: NodeClient, server: Program, transports: list[str]
) -> None:
    """Trap 32."""
    seconds = [0.6, 0.5, 0.4, 0]
    facts = node.run("order", server.url, transports=transports, seconds=seconds)
    # Each answers with the starts that it has seen by its end: all before the first end.
    assert facts["answers"] == [[0, 1, 2, 3]] * 4


@pytest.mark.python_only("handlers never wait for each other")
def test_handlers_run_one_after_another_when_asked(node: NodeClient, server: Program) -> None:
    """Trap 32: `async_handlers=False`."""
    facts = node.run("order", server.url, variant="serial", seconds=[0.1, 0.05, 0])
    assert facts["answers"] == [[0], [0, 1], [0, 1, 2]]


def test_sessions_are_kept_apart(node: NodeClient, server: Program) -> None:
    assert node.run("session", server.url) == {"names": ["one", "two"]}


@pytest.mark.python_only("NaN becomes null in JavaScript")
@pytest.mark.logs_traceback
def test_handler_errors_do_not_touch_the_connection(node: NodeClient, server: Program) -> None:
    """Trap 1, trap 48: reserved names and NaN are refused at emit."""
    before = len(server.errors)
    facts = node.run("errors", server.url, nan=True)
    assert facts["nan"].startswith("ValueError"), facts
    for event in ("connect", "disconnect"):
        assert facts["reserved"][event].startswith("ValueError"), facts
    assert facts["alive"] == "alive"
    server.wait_for_log("this handler failed on purpose", before)


@pytest.mark.parametrize("variant", ["polling", "websocket"])
def test_a_server_with_one_transport(node: NodeClient, server: Program, variant: str) -> None:
    facts = node.run("connect", server.url, variant=variant, transports=[variant])
    assert facts["facts"]["transport"] == variant
