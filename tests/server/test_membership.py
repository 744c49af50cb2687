"""A membership: its states, and what is kept of it in each."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

import socketio
from socketio.server.membership import (
    CONNECTED,
    GONE,
    LEAVING,
    MAX_LEFT_NAME,
    PENDING,
    TRANSITIONS,
    Membership,
    MemberState,
)
from socketio.server.observers import ServerObserver
from socketio.testing.memory import AsyncTestClient


@pytest.fixture
async def sio() -> Any:
    server = socketio.AsyncServer()
    yield server
    await server.shutdown()


async def member_in(sio: socketio.AsyncServer, state: MemberState) -> Membership:
    """Return a member that has come to a state by the ways of the table."""
    client = AsyncTestClient(sio)
    sid = await client.connect()
    member = sio.manager.table.member("/", sid)
    assert member is not None
    if state is PENDING:
        assert client.session is not None
        return Membership(client.session, "/other", "other")
    if state is not CONNECTED:
        assert member.become(LEAVING)
        assert state is LEAVING or member.become(GONE)
    return member


@pytest.mark.parametrize(("one", "other"), list(itertools.product(MemberState, MemberState)))
async def test_every_transition(
    sio: socketio.AsyncServer, one: MemberState, other: MemberState
) -> None:
    member = await member_in(sio, one)
    allowed = other in TRANSITIONS[one]
    if one is PENDING and allowed:
        member.client.memberships["/other"] = member
    assert member.become(other) is allowed
    assert member.state is (other if allowed else one)


async def test_nothing_is_sent_to_a_client_that_has_left(sio: socketio.AsyncServer) -> None:
    """Its connection goes on: it is in another namespace, and in this one again."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        begun.set()
        await may_end.wait()
        assert sio.rooms(sid) == [sid, "room"]

    client = AsyncTestClient(sio)
    old = await client.connect()
    await sio.enter_room(old, "room")
    client.leave()
    await begun.wait()
    new = await client.connect()
    assert new != old
    await sio.emit("everyone", 1)
    await sio.emit("old", 2, to=old)
    await sio.emit("room", 3, to="room")
    with pytest.raises(socketio.exceptions.TimeoutError, match="gone"):
        await sio.call("question", to=old, timeout=30)
    await sio.emit("new", 4, to=new)
    assert client.received() == [["everyone", 1], ["new", 4]]
    may_end.set()
    while sio.manager.pending_disconnect:
        await asyncio.sleep(0)
    assert sio.rooms(old) == []
    assert sio.rooms(new) == [new]


async def test_data_lives_as_long_as_the_membership(sio: socketio.AsyncServer) -> None:
    kept: list[Any] = []

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        kept.append(await sio.get_session(sid))

    client = AsyncTestClient(sio)
    old = await client.connect()
    await sio.save_session(old, {"name": "x"})
    client.leave()
    new = await client.connect()
    assert kept == [{"name": "x"}]
    assert await sio.get_session(new) == {}
    with pytest.raises(KeyError):
        await sio.get_session(old)


async def test_what_programs_read_of_the_insides(sio: socketio.AsyncServer) -> None:
    client = AsyncTestClient(sio, {"HTTP_X": "y"})
    sid = await client.connect()
    assert client.session is not None
    eio_sid = client.session.sid
    manager = sio.manager
    await sio.enter_room(sid, "room")
    await sio.emit("q", to=sid, callback=print)
    assert manager.rooms["/"]["room"] == {sid: eio_sid}
    assert set(manager.rooms["/"]) == {None, sid, "room"}
    assert None in manager.rooms["/"]
    assert "nowhere" not in manager.rooms["/"]
    assert manager.eio_to_sid == {eio_sid: {"/": sid}}
    assert len(manager.callbacks[sid]) == 1
    assert repr(manager.rooms["/"]["room"]) == repr({sid: eio_sid})
    assert sio.environ[eio_sid]["HTTP_X"] == "y"
    sio.environ[eio_sid] = {"HTTP_X": "z"}
    sio.environ["nobody"] = {}
    assert sio.get_environ(sid) == {"HTTP_X": "z"}
    assert list(sio.environ) == [eio_sid]
    with pytest.raises(TypeError):
        del sio.environ[eio_sid]
    assert manager.connect(eio_sid, "/") is None
    assert manager.pre_connect("nobody", "/") is None
    with pytest.raises(KeyError):
        manager.callbacks["nobody"]


async def test_a_session_that_ends_before_the_manager_has_begun() -> None:
    """As by a shutdown while the broker makes the first client wait."""
    waiting, may_begin = asyncio.Event(), asyncio.Event()

    class Slow(socketio.AsyncManager):
        async def start(self) -> None:
            waiting.set()
            await may_begin.wait()

    class Watching(ServerObserver):
        def session_opened(self, session: Any) -> None:
            watched.append("opened")

        def session_closed(self, session: Any, reason: str) -> None:
            watched.append(reason)

    watched: list[str] = []
    sio = socketio.AsyncServer(client_manager=Slow())
    sio.observers.append(Watching())
    connecting = asyncio.create_task(AsyncTestClient(sio).connect())
    await waiting.wait()
    await sio.shutdown()
    may_begin.set()
    with pytest.raises(ConnectionAbortedError, match="server disconnect"):
        await connecting
    assert watched == ["opened", "server disconnect"]
    assert not sio.environ
    assert not sio.eio.sessions
    assert not sio.eio._joining


async def test_a_manager_that_marks_a_client_takes_no_disconnect_handler_away(
    sio: socketio.AsyncServer,
) -> None:
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    client = AsyncTestClient(sio)
    sid = await client.connect()
    sio.manager.pre_disconnect(sid, "/")
    assert not sio.manager.is_connected(sid, "/")
    assert set(sio.manager.pending_disconnect) == {("/", sid)}
    await sio.disconnect(sid)
    assert reasons == ["server disconnect"]


async def test_a_long_name_that_is_forgotten_before_an_older_membership_of_it() -> None:
    """A client joins again while its disconnect handler runs, and is refused."""
    sio = socketio.AsyncServer(namespaces="*")
    namespace = "/" + "x" * MAX_LEFT_NAME
    begun, may_end = asyncio.Event(), asyncio.Event()
    welcome = [True, False]
    sio.on("connect", lambda *_: welcome.pop(0), namespace=namespace)

    async def disconnect(sid: str, reason: str) -> None:
        begun.set()
        await may_end.wait()

    sio.on("disconnect", disconnect, namespace=namespace)
    client = AsyncTestClient(sio)
    old = await client.connect(namespace)
    answer = asyncio.ensure_future(sio.call("question", to=old, namespace=namespace, timeout=9))
    assert await client.receive(namespace) == ["question"]
    client.leave(namespace)
    await begun.wait()
    with pytest.raises(ConnectionRefusedError):
        await client.connect(namespace)
    may_end.set()
    with pytest.raises(socketio.exceptions.TimeoutError, match="gone"):
        await answer
    assert client.session is not None
    assert client.session.client.alive == 0
    await sio.shutdown()
