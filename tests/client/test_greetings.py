"""Clients of servers that greet: events that come before CONNECT is answered."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

import socketio
from socketio.client import client_state
from socketio.exceptions import ConnectionError

from .conftest import DEADLINE, EngineServer, LoopThread
from .test_faults import Blocking, wait_until

Connect = Callable[..., None]

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, engine_server: EngineServer) -> str:
    """How the client is connected; the server leaves its answers to the test."""
    engine_server.accept_namespaces = False
    if request.param == "upgrade":
        engine_server.handshake["upgrades"] = ["websocket"]
    return str(request.param)


@pytest.fixture
def client(flavour: str, loop_thread: LoopThread, engine_server: EngineServer) -> Iterator[Any]:
    client = Blocking(flavour, loop_thread, reconnection=False)
    yield client
    client.do("disconnect")
    if flavour == "sync":
        engine_server.send("6")  # answers a poll that its client has left
        client.client.eio.wait()


def binary(way: str, data: bytes) -> str | bytes:
    return "b" + base64.b64encode(data).decode() if way == "polling" else data


def test_they_are_kept_in_order(engine_server: EngineServer, client: Blocking, way: str) -> None:
    engine_server.send(
        *('42["early",1]', '451-["early",{"_placeholder":true,"num":0}]', binary(way, b"\x02")),
        *('42["early",3]', '40{"sid":"socket"}', '42["late",4]'),
    )
    client.connect(engine_server, transports=WAYS[way])
    client.wait_for("late", 4)
    assert client.events == [
        ("connect",),
        ("early", 1),
        ("early", b"\x02"),
        ("early", 3),
        ("late", 4),
    ]


def test_what_comes_before_the_upgrade_goes_first(
    engine_server: EngineServer, client: Blocking
) -> None:
    """With the handshake, before the client could even ask for the namespace."""
    engine_server.accept_namespaces = False
    engine_server.handshake["upgrades"] = ["websocket"]
    engine_server.answer_open = lambda request: web.Response(
        text=f'0{json.dumps(engine_server.handshake)}\x1e42["early",1]'
    )
    engine_server.send('42["early",2]', '40{"sid":"socket"}', '42["late",3]')
    client.connect(engine_server, transports=None)
    client.wait_for("late", 3)
    assert client.client.transport() == "websocket"
    assert client.events == [("connect",), ("early", 1), ("early", 2), ("late", 3)]


def test_a_handler_may_emit_and_answer(
    engine_server: EngineServer, client: Blocking, flavour: str, way: str
) -> None:
    async def ask_async(question: str) -> Any:
        await client.client.emit("got", question)
        return "answer", b"\x00"

    def ask(question: str) -> Any:
        client.client.emit("got", question)
        return "answer", b"\x00"

    client.client.on("ask", ask_async if flavour == "async" else ask)
    engine_server.send('420["ask","q"]', '40{"sid":"socket"}')
    client.connect(engine_server, transports=WAYS[way])
    answer = '461-0["answer",{"_placeholder":true,"num":0}]'
    engine_server.wait_for("40", '42["got","q"]', answer, binary(way, b"\x00"))


def test_an_offset_for_recovery_is_no_argument(
    engine_server: EngineServer, client: Blocking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "socketio.client.base_client.is_offset", lambda value, now: value == "offset"
    )
    engine_server.accept_namespaces = False
    engine_server.send('42["early",1,"offset"]', '40{"sid":"socket","pid":"private"}')
    client.connect(engine_server)
    client.wait_for("early", 1)


def test_those_of_a_refused_namespace_are_forgotten(
    engine_server: EngineServer, client: Blocking, way: str
) -> None:
    namespaces = ["/a", "/b"]
    for namespace in namespaces:
        client.client.on("*", lambda *args: client.events.append(args), namespace=namespace)
    engine_server.send('42/a,["early","a"]', '42/b,["early","b"]', '44/a,{"message":"no"}')
    engine_server.send('42/a,["later","a"]', '40/b,{"sid":"b"}', '42/c,["stranger"]')
    engine_server.send('42/b,["late","b"]')
    with pytest.raises(ConnectionError, match="/a: no"):
        client.connect(engine_server, transports=WAYS[way], namespaces=namespaces)
    early = client.client._attempt.early
    client.wait_for("early", "b")
    assert client.events in ([("early", "b")], [("early", "b"), ("late", "b")])
    assert early.take("/a") == early.take("/b") == early.take("/c") == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_those_of_an_earlier_connection_are_forgotten(
    flavour: str, loop_thread: LoopThread, engine_server: EngineServer, transport: str
) -> None:
    def connects() -> int:
        return sum(message == "40" for message in engine_server.received)

    client = Blocking(flavour, loop_thread, reconnection_delay=0.01, reconnection_delay_max=0.02)
    client.connect(engine_server, transports=[transport])
    engine_server.accept_namespaces = False
    engine_server.send("1")
    wait_until(lambda: connects() == 2)
    engine_server.send('42["stale"]', '451-["stale",{"_placeholder":true,"num":0}]', "1")
    wait_until(lambda: connects() == 3)
    engine_server.send('42["fresh"]', '40{"sid":"socket"}')
    client.wait_for("fresh")
    lost = ("disconnect", "server disconnect")
    assert client.events == [("connect",), lost, ("connect",), ("fresh",)]
    client.do("disconnect")
    if flavour == "sync":
        engine_server.send("6")
        client.client.eio.wait()


def test_what_is_beyond_the_bounds_is_dropped_and_said(
    engine_server: EngineServer,
    client: Blocking,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(client_state, "MAX_EARLY_EVENTS", 3)
    engine_server.accept_namespaces = False
    engine_server.send(*(f'42["early",{number}]' for number in range(6)))
    engine_server.send('40{"sid":"socket"}', '42["late"]')
    with caplog.at_level(logging.WARNING, "socketio.client"):
        client.connect(engine_server)
        client.wait_for("late")
    assert client.events == [("connect",), ("early", 0), ("early", 1), ("early", 2), ("late",)]
    assert [record.message for record in caplog.records if "CONNECT" in record.message] == [
        "The server sends more than 10000 events or 16777216 bytes before it answers CONNECT; "
        "what comes from now on until it does is dropped"
    ]


def test_simple_clients(
    engine_server: EngineServer, flavour: str, loop_thread: LoopThread, way: str
) -> None:
    engine_server.send('42["early",1]', '42["early",2]', '40{"sid":"socket"}', '42["late"]')

    def use_it() -> list[Any]:
        with socketio.SimpleClient() as client:
            client.connect(engine_server.url, transports=WAYS[way], wait_timeout=DEADLINE)
            events = [client.receive(DEADLINE) for _ in range(3)]
            engine_server.send("6")  # answers a poll that its client leaves
        return events

    async def use_it_async() -> list[Any]:
        async with socketio.AsyncSimpleClient() as client:
            await client.connect(engine_server.url, transports=WAYS[way], wait_timeout=DEADLINE)
            return [await client.receive(DEADLINE) for _ in range(3)]

    events = use_it() if flavour == "sync" else loop_thread.run(use_it_async())
    assert events == [["early", 1], ["early", 2], ["late"]]
