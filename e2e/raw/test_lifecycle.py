"""Connecting, refusing, disconnecting, stopping: what the application's handlers see."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from rig.process import Program, wait_until_idle
from rig.wire import ClosedError, EngineSession, Peer, connect_packet

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])
NAMESPACES = ["/", "/chat", "/class"]
tags = (f"tag {number}" for number in itertools.count())


async def barrier(peer: Any, server: Program) -> None:
    """Wait until the journal has everything that the server wrote before now."""
    later: Peer = await peer()
    await server.seen(event="connect", sid=later.sids["/"])


@TRANSPORTS
@pytest.mark.parametrize(
    ("wish", "data"),
    [
        ("false", None),
        ("empty", None),
        ("message", {"message": "not allowed"}),
        ("data", {"message": "not allowed", "data": {"code": 42}}),
        ("builtin", None),
    ],
)
async def test_a_refusal_is_an_object(
    peer: Any, server: Program, transport: str, wish: str, data: Any
) -> None:
    """Trap 11, trap 28: no disconnect handler for a client that was never accepted."""
    client: Peer = await peer(transport, join=False)
    tag = next(tags)
    await client.send(connect_packet(auth={"refuse": wish, "tag": tag}))
    kind, _, _, answer = await client.packet()
    assert kind == "4"
    assert isinstance(answer, dict)
    assert isinstance(answer["message"], str)
    assert answer["message"]
    if data is not None:
        assert answer == data
    sid = (await server.seen(event="connecting", tag=tag))["sid"]
    await client.connect()
    assert await client.ask("ack plain", "a second try is allowed") == ["a second try is allowed"]
    await barrier(peer, server)
    assert server.journal.all(event="disconnect", sid=sid) == []


@pytest.mark.python_only("an error in a middleware is the application's own")
@pytest.mark.logs_traceback
async def test_an_exception_in_the_connect_handler(peer: Any, server: Program) -> None:
    """Trap 30: CONNECT_ERROR without internals; the traceback goes to the log, once."""
    client: Peer = await peer(join=False)
    before = len(server.errors)
    tag = next(tags)
    await client.send(connect_packet(auth={"refuse": "error", "tag": tag}))
    kind, _, _, answer = await client.packet()
    assert kind == "4"
    assert answer["message"]
    assert "purpose" not in str(answer)
    await barrier(peer, server)
    assert len(server.journal.all(event="connecting", tag=tag)) == 1, "the handler ran twice"
    await asyncio.to_thread(server.wait_for_log, "the connect handler failed on purpose", before)


@pytest.mark.python_only("it accepts before or after its middleware, never first")
async def test_always_connect_refuses_by_disconnect(peer: Any) -> None:
    """Trap 54: CONNECT first, then a DISCONNECT without data."""
    client: Peer = await peer(variant="always", join=False)
    await client.send(connect_packet(auth={"refuse": "data"}))
    first = await client.receive()
    assert isinstance(first, str)
    assert first.startswith('0{"sid":"')
    assert await client.receive() == "1"


@TRANSPORTS
async def test_broadcasts_pass_by_a_client_that_is_still_connecting(
    peer: Any, server: Program, transport: str
) -> None:
    """Trap 2."""
    inside: Peer = await peer(transport)
    waiting: Peer = await peer(transport, join=False)
    gate = next(tags)
    await waiting.send(connect_packet(auth={"gate": gate}))
    await server.seen(event="waiting", gate=gate)
    await inside.emit("broadcast", "news", "before")
    assert await inside.event() == ["news", "before"]
    await inside.emit("open gate", gate)
    kind, *_ = await waiting.packet()
    assert kind == "0", "the broadcast came through"
    await inside.emit("broadcast", "news", "after")
    assert await waiting.event() == ["news", "after"]


async def test_a_client_that_leaves_while_connecting(peer: Any, server: Program) -> None:
    """Trap 28: accepted too late, or not at all, it has at most one disconnect."""
    waiting: Peer = await peer(join=False)
    inside: Peer = await peer()
    gate, tag = next(tags), next(tags)
    await waiting.send(connect_packet(auth={"gate": gate, "tag": tag}))
    await server.seen(event="waiting", gate=gate)
    assert waiting.engine.socket is not None
    await waiting.engine.socket.close()
    await inside.emit("open gate", gate)
    await barrier(peer, server)
    sid = server.journal.all(event="connecting", tag=tag)[0]["sid"]
    joined = server.journal.all(event="connect", sid=sid)
    left = server.journal.all(event="disconnect", sid=sid)
    assert len(left) <= 1
    assert len(left) == len(joined) or not server.reference
    await inside.emit("broadcast", "news", 1)
    assert await inside.event() == ["news", 1]


async def test_a_client_refused_after_it_left(peer: Any, server: Program) -> None:
    """Trap 28: never for one that was not accepted."""
    waiting: Peer = await peer(join=False)
    inside: Peer = await peer()
    gate, tag = next(tags), next(tags)
    await waiting.send(connect_packet(auth={"gate": gate, "tag": tag, "then": "refuse"}))
    await server.seen(event="waiting", gate=gate)
    await inside.emit("open gate", gate)
    kind, *_ = await waiting.packet()
    assert kind == "4"
    assert waiting.engine.socket is not None
    await waiting.engine.socket.close()
    await barrier(peer, server)
    sid = server.journal.all(event="connecting", tag=tag)[0]["sid"]
    assert server.journal.all(event="disconnect", sid=sid) == []


@TRANSPORTS
async def test_disconnect_inside_the_connect_handler(
    peer: Any, server: Program, transport: str
) -> None:
    """Trap 27."""
    client: Peer = await peer(transport, join=False)
    await client.send(connect_packet(auth={"leave": True, "tag": next(tags)}))
    kinds = ""
    while not set(kinds) & {"1", "4"}:
        kind, *_ = await client.packet()
        kinds += kind
    assert kinds in {"01", "4", "1"}
    await client.send(connect_packet())
    kind, *_ = await client.packet()
    assert kind == "0", "the transport stays"


@TRANSPORTS
async def test_disconnect_keeps_the_transport(peer: Any, server: Program, transport: str) -> None:
    """Trap 27: the namespace can be joined again, under a new sid."""
    client: Peer = await peer(transport)
    first = client.sids["/"]
    await client.emit("bye")
    assert await client.receive() == "1"
    entry = await server.seen(event="disconnect", sid=first)
    assert entry["reason"] == "server disconnect"
    assert await client.connect() != first
    assert await client.ask("ack plain", 1) == [1]


@TRANSPORTS
async def test_disconnect_closes_the_transport_when_asked(
    peer: Any, server: Program, transport: str
) -> None:
    """Trap 27: `close=True`."""
    client: Peer = await peer(transport)
    await client.emit("bye for good")
    try:
        assert await client.receive() == "1"
    except ClosedError:
        pass  # without a word, as good
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "server disconnect"


@TRANSPORTS
async def test_a_client_leaves_a_namespace(peer: Any, server: Program, transport: str) -> None:
    """Trap 27, trap 28."""
    client: Peer = await peer(transport, join=False)
    for namespace in NAMESPACES:
        await client.connect(namespace)
    await client.send("1/chat,")
    entry = await server.seen(event="disconnect", sid=client.sids["/chat"])
    assert entry["reason"] == "client disconnect"
    assert await client.ask("ack plain", 1) == [1]
    await client.send("1")
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "client disconnect"
    await client.emit("echo", 1, namespace="/class")
    assert await client.receive() == '2/class,["echo",1]'


async def many_namespaces(peer: Any, transport: str, variant: str) -> Peer:
    client: Peer = await peer(transport, variant, join=False)
    for namespace in NAMESPACES:
        await client.connect(namespace)
    return client


ENDS = {
    "leave and close": ["41", "close"],
    "close packet and close": ["1", "close"],
    "bye and close": ['42["bye"]', "close"],
    "bye twice": ['42["bye"]', '42["bye"]', "close"],
    "leave and bye": ["41", '42["bye"]', "close"],
    "bye for good and close": ['42["bye for good"]', "close"],
    "garbage and close": ["4{}", "close"],
    "two kinds of garbage": ["abc", "49", "close"],
    "ping timeout and close": ["wait", "close"],
    "ping timeout": ["wait"],
    "leave everything": ["41", "41/chat,", "41/class,", "close"],
    "leave twice": ["41", "41", "close"],
}


@pytest.mark.parametrize("end", ENDS)
@TRANSPORTS
async def test_one_disconnect_whatever_happens(
    peer: Any, server: Program, transport: str, end: str
) -> None:
    """Trap 28: exactly one per namespace, whatever comes together."""
    variant = "fast" if "timeout" in end else "main"
    client = await many_namespaces(peer, transport, variant)
    for step in ENDS[end]:
        if step == "wait":
            await asyncio.sleep(1.18)  # the timeout, so that both happen together
        elif step == "close":
            if client.engine.socket is not None:
                await client.engine.socket.close()
            else:
                await client.engine.post("1")
        elif client.engine.socket is not None:
            await client.raw(step)
        else:
            await client.engine.post(step)
    await client.gone()
    for sid in client.sids.values():
        await server.seen(event="disconnect", sid=sid)
    await barrier(peer, server)
    for sid in client.sids.values():
        assert len(server.journal.all(event="disconnect", sid=sid)) == 1


@TRANSPORTS
async def test_what_follows_connect_at_once(peer: Any, server: Program, transport: str) -> None:
    """Trap 28, trap 31: with CONNECT in hand a client is in, whatever thread says so."""
    client: Peer = await peer(transport)
    for _ in range(30):
        sid = await client.connect("/chat")
        await client.emit("echo", 1, namespace="/chat")
        assert await client.receive() == '2/chat,["echo",1]'
        await client.send("1/chat,")
        entry = await server.seen(event="disconnect", sid=sid)
        assert entry["reason"] == "client disconnect"
    for _ in range(30):
        sid = await client.connect("/chat")
        await client.send("1/chat,")
        await server.seen(event="disconnect", sid=sid)
    assert await client.ask("ack plain", 1) == [1]


@TRANSPORTS
async def test_joining_again_at_once(peer: Any, server: Program, transport: str) -> None:
    """Trap 27, trap 28: after a refusal and after a disconnect, without a pause."""
    client: Peer = await peer(transport)
    sids = []
    for _ in range(20):
        await client.send(connect_packet("/chat", {"refuse": "message"}))
        kind, *_ = await client.packet()
        assert kind == "4"
        sids.append(await client.connect("/chat"))
        await client.emit("bye", namespace="/chat")
        assert await client.receive() == "1/chat,"
    assert len(set(sids)) == 20
    for sid in sids:
        entry = await server.seen(event="disconnect", sid=sid)
        assert entry["reason"] == "server disconnect"


@TRANSPORTS
@pytest.mark.parametrize("leave", ["bye", "leave"])
async def test_joining_again_while_the_disconnect_handler_runs(
    peer: Any, server: Program, transport: str, leave: str
) -> None:
    """Trap 28: the old client's slow handler is no matter of the new one."""
    client: Peer = await peer(transport, join=False)
    await client.connect("/any")
    first = await client.connect("/chat", {"linger": 1.0})
    if leave == "bye":
        await client.emit("bye", namespace="/chat")
        assert await client.receive() == "1/chat,"
    else:
        await client.send("1/chat,")
    await server.seen(event="disconnect", sid=first)
    second = await client.connect("/chat")
    assert second != first
    await client.emit("echo", 1, namespace="/chat")
    assert await client.receive() == '2/chat,["echo",1]'
    await client.send("1/chat,")
    await server.seen(event="disconnect", sid=second)
    assert len(server.journal.all(event="disconnect", sid=first)) == 1


@TRANSPORTS
@pytest.mark.parametrize("leave", ["bye", "leave"])
async def test_who_joins_again_finds_no_data_of_the_one_before(
    peer: Any, server: Program, transport: str, leave: str
) -> None:
    """Trap 7: one transport, two users after each other."""
    client: Peer = await peer(transport)
    await client.ask("remember", "user", "the first")
    assert await client.ask("recall", "user") == ["the first"]
    if leave == "bye":
        await client.emit("bye")
        assert await client.receive() == "1"
    else:
        await client.send("1")
        await server.seen(event="disconnect", sid=client.sids["/"])
    await client.connect()
    assert await client.ask("recall", "user") in ([None], [])


@TRANSPORTS
async def test_last_words_arrive(peer: Any, transport: str) -> None:
    client: Peer = await peer(transport)
    await client.emit("bye then emit")
    assert await client.receive() == '2["last words","goodbye"]'
    assert await client.receive() == "1"


@TRANSPORTS
async def test_emits_in_the_connect_handler_come_after_connect(peer: Any, transport: str) -> None:
    """Trap 31."""
    client: Peer = await peer(transport, join=False)
    await client.send(connect_packet(auth={"early": "bird"}))
    first = await client.receive()
    assert isinstance(first, str)
    assert first.startswith("0{")
    assert await client.receive() == '2["early","bird"]'


@pytest.mark.python_only("stopping is its program's own affair")
@pytest.mark.parametrize("hanging", [False, True], ids=["", "with a handler that hangs"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
async def test_stopping_the_server(
    own_server: Program,
    within: Callable[[float, float], None],
    number: signal.Signals,
    hanging: bool,
) -> None:
    """Trap 29, trap 28: clients are closed, handlers run once, the process ends in a second.

    A connect handler that never ends is given `close_timeout`, two seconds.
    """
    async with aiohttp.ClientSession() as http:
        accepted: list[Peer] = []
        for transport in ("websocket", "polling", "websocket"):
            client = await Peer(EngineSession(http, own_server.url), transport).open()
            await client.connect()
            accepted.append(client)
        upgraded = await Peer(EngineSession(http, own_server.url), "polling").open()
        await upgraded.connect()
        await upgraded.engine.upgrade()
        accepted.append(upgraded)
        if hanging:
            waiting = await Peer(EngineSession(http, own_server.url)).open()
            await waiting.send(connect_packet(auth={"gate": "never", "tag": "waiting"}))
            await own_server.seen(event="waiting", gate="never")
        # One client holds a poll, one is between two polls, one only has a session.
        idle = await Peer(EngineSession(http, own_server.url), "polling").open()
        await idle.connect()
        accepted.append(idle)
        await Peer(EngineSession(http, own_server.url), "polling").open()
        poll = asyncio.create_task(accepted[1].engine.request())
        await asyncio.sleep(0.05)  # not a wait for anything: the poll is to be there first

        await asyncio.to_thread(wait_until_idle, own_server.process.pid)
        took = await asyncio.to_thread(own_server.stop, number)
        try:
            answer = await poll
        except aiohttp.ClientConnectionError as cut:
            pytest.fail(f"the pending poll was cut off: {cut!r}")
        assert answer.status in {200, 400}
        for client in accepted:
            if client.engine.socket is not None:
                await client.gone()
    for client in accepted:
        entries = own_server.journal.all(event="disconnect", sid=client.sids["/"])
        assert [entry["reason"] for entry in entries] == ["server disconnect"], client.transport
    for refused in own_server.journal.all(event="connecting", tag="waiting"):
        assert own_server.journal.all(event="disconnect", sid=refused["sid"]) == []
    assert not own_server.crashes(), own_server.crashes()
    within(took, 3 if hanging else 1)
