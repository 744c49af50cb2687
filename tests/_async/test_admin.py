"""The Admin UI's backend, with an Admin UI and clients in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import socketio
from socketio.async_admin import InstrumentedAsyncServer
from socketio.testing.memory import AsyncTestClient, TestClient

ADMIN = "/admin"
CREDENTIALS = {"username": "admin", "password": "a long secret"}
ACTIONS = ["EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"]


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InstrumentedAsyncServer, "failure_delay", 0)


@pytest.fixture
async def sio() -> AsyncIterator[socketio.AsyncServer]:
    server = socketio.AsyncServer()

    @server.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        await server.save_session(sid, {"name": auth["name"], "key": b"secret"} if auth else {})

    @server.event
    async def ask(sid: str, *args: Any) -> str:
        await server.emit("answer", (1, b"two"), to=sid)
        return "taken"

    @server.event
    async def enter(sid: str, room: str) -> None:
        await server.enter_room(sid, room)

    @server.event
    async def leave(sid: str, room: str) -> None:
        await server.leave_room(sid, room)

    yield server
    await server.shutdown()


@pytest.fixture
async def client(sio: socketio.AsyncServer) -> AsyncTestClient:
    client = AsyncTestClient(sio, {"HTTP_COOKIE": "id=1", "HTTP_X_TEST": "yes"})
    await client.connect()
    return client


async def open_admin(sio: socketio.AsyncServer, auth: Any = None) -> AsyncTestClient:
    admin = AsyncTestClient(sio)
    await admin.connect(ADMIN, auth=auth)
    return admin


async def until(admin: AsyncTestClient, name: str, matches: Callable[..., bool]) -> list[Any]:
    """Return the arguments of the first event of a name that is the one meant."""
    while True:
        event, *args = await admin.receive(ADMIN)
        if event == name and matches(*args):
            return args


async def named(admin: AsyncTestClient, name: str) -> list[Any]:
    return await until(admin, name, lambda *_: True)


class TestArguments:
    def test_auth_must_be_given(self, sio: socketio.AsyncServer) -> None:
        with pytest.raises(ValueError, match="needs auth="):
            sio.instrument()

    def test_auth_true_is_no_credentials(self, sio: socketio.AsyncServer) -> None:
        with pytest.raises(TypeError, match="auth="):
            sio.instrument(auth=True)

    def test_the_mode_is_one_of_two(self, sio: socketio.AsyncServer) -> None:
        with pytest.raises(ValueError, match="development, production"):
            sio.instrument(auth=False, mode="debug")

    def test_the_order_of_the_constructor_is_the_compatible_one(
        self, sio: socketio.AsyncServer
    ) -> None:
        instrumented = InstrumentedAsyncServer(sio, False, "/look", True, "one", "production", 5)
        assert instrumented.admin_namespace == "/look"
        assert instrumented.server_id == "one"
        assert instrumented.supported_features == ["AGGREGATED_EVENTS"]


class TestCredentials:
    @pytest.mark.parametrize(
        "auth",
        [CREDENTIALS, [{"username": "other", "password": "x"}, CREDENTIALS]],
        ids=["dict", "list"],
    )
    async def test_credentials_open_the_door(self, sio: socketio.AsyncServer, auth: Any) -> None:
        sio.instrument(auth=auth)
        admin = await open_admin(sio, CREDENTIALS)
        (session_id,) = await named(admin, "session")
        # The Admin UI comes back with this instead.
        again = await open_admin(sio, {"sessionId": session_id})
        assert (await again.receive(ADMIN))[0] != "session"

    @pytest.mark.parametrize(
        "sent",
        [
            None,
            {},
            {"username": "admin"},
            {**CREDENTIALS, "password": "wrong"},
            {**CREDENTIALS, "more": 1},
            {"sessionId": "0" * 32},
            {"sessionId": None},
        ],
    )
    async def test_wrong_credentials_are_refused(
        self, sio: socketio.AsyncServer, sent: Any
    ) -> None:
        sio.instrument(auth=[CREDENTIALS])
        with pytest.raises(ConnectionRefusedError, match="invalid credentials"):
            await open_admin(sio, sent)

    async def test_a_function_decides(self, sio: socketio.AsyncServer) -> None:
        sio.instrument(auth=lambda sent: sent == {"token": 1})
        await open_admin(sio, {"token": 1})
        with pytest.raises(ConnectionRefusedError):
            await open_admin(sio, {"token": 2})

    async def test_a_coroutine_function_decides(self, sio: socketio.AsyncServer) -> None:
        async def check(sent: Any) -> bool:
            await asyncio.sleep(0)
            return bool(sent == {"token": 1})

        sio.instrument(auth=check)
        await open_admin(sio, {"token": 1})
        with pytest.raises(ConnectionRefusedError):
            await open_admin(sio, {"token": 2})

    async def test_false_lets_everyone_in(self, sio: socketio.AsyncServer) -> None:
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        assert await named(admin, "config") == [
            {"supportedFeatures": ["AGGREGATED_EVENTS", "ALL_EVENTS", *ACTIONS]}
        ]


class TestWhatIsShown:
    async def test_clients_from_before_and_after(
        self, sio: socketio.AsyncServer, client: AsyncTestClient
    ) -> None:
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        (shown,) = await named(admin, "all_sockets")
        before = next(one for one in shown if one["nsp"] == "/")
        assert before["id"] == client.sids["/"]
        assert before["rooms"] == [client.sids["/"]]
        assert before["transport"] == "memory"
        assert client.session is not None
        assert before["clientId"] == client.session.log_id
        assert before["handshake"]["headers"] == {"cookie": "(not shown)", "x-test": "yes"}
        assert client.session.sid not in str(shown), "the engine's session id is a secret"

        other = AsyncTestClient(sio)
        sid = await other.connect(auth={"name": "Ada"})
        after, timestamp = await until(admin, "socket_connected", lambda one, _: one["id"] == sid)
        assert after["data"] == {"name": "Ada", "key": "<6 bytes>"}
        assert timestamp.endswith("Z")
        other.leave()
        args = await until(admin, "socket_disconnected", lambda _, one, *__: one == sid)
        assert args[:3] == ["/", sid, "client disconnect"]
        assert (await named(admin, "room_left"))[:3] == ["/", sid, sid]

    async def test_a_refused_client_never_shows(self, sio: socketio.AsyncServer) -> None:
        @sio.on("connect", namespace="/no")
        def refuse(sid: str, environ: dict[str, Any]) -> bool:
            return False

        sio.instrument(auth=False)
        admin = await open_admin(sio)
        with pytest.raises(ConnectionRefusedError):
            await AsyncTestClient(sio).connect("/no")
        sid = await AsyncTestClient(sio).connect("/")
        while True:
            event, *args = await admin.receive(ADMIN)
            assert "/no" not in str(args)
            if event == "socket_connected" and args[0]["id"] == sid:
                break

    async def test_half_a_character_is_shown(
        self, sio: socketio.AsyncServer, client: AsyncTestClient
    ) -> None:
        half = "half \ud83d"
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        await client.call("enter", half)
        joined = await until(admin, "room_joined", lambda _, room, *__: room == half)
        assert joined[2] == client.sids["/"]
        await client.call("ask", {half: half})
        received = await until(admin, "event_received", lambda *args: args[2][0] == "ask")
        assert received[2] == ["ask", {half: half}]
        admin.emit("emit", "/", half, half, half, namespace=ADMIN)
        while (event := await client.receive())[0] != half:
            assert event[0] == "answer"
        assert event == [half, half]

    async def test_events_both_ways(
        self, sio: socketio.AsyncServer, client: AsyncTestClient
    ) -> None:
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        sid = client.sids["/"]
        assert await client.call("ask", {"a": 1}, b"12345") == ["taken"]
        received = await named(admin, "event_received")
        assert received[:3] == ["/", sid, ["ask", {"a": 1}, "<5 bytes>"]]
        sent = await named(admin, "event_sent")
        assert sent[:3] == ["/", sid, ["answer", 1, "<3 bytes>"]]
        assert await client.receive() == ["answer", 1, b"two"], "the client gets the real thing"

    async def test_rooms(self, sio: socketio.AsyncServer, client: AsyncTestClient) -> None:
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        sid = client.sids["/"]
        client.emit("enter", "red")
        assert (await named(admin, "room_joined"))[:3] == ["/", "red", sid]
        client.emit("enter", "red")  # it is there already
        client.emit("leave", "red")
        assert (await named(admin, "room_left"))[:3] == ["/", "red", sid]
        client.emit("enter", "blue")
        assert (await named(admin, "room_joined"))[:3] == ["/", "blue", sid]
        await sio.close_room("blue")
        assert (await named(admin, "room_left"))[:3] == ["/", "blue", sid]

    async def test_numbers(self, sio: socketio.AsyncServer) -> None:
        sio.instrument(auth=False, server_id="here", server_stats_interval=0.01)
        admin = await open_admin(sio)
        client = AsyncTestClient(sio)
        await client.connect()
        await client.call("ask")
        client.drop()
        counted: dict[str, int] = {}
        stats: dict[str, Any] = {}
        while not counted.keys() >= {"rawDisconnection", "bytesOut"}:
            (stats,) = await named(admin, "server_stats")
            for event in stats["aggregatedEvents"]:
                counted[event["type"]] = counted.get(event["type"], 0) + event["count"]
                if event["type"] == "rawDisconnection":
                    assert event["subType"] == "transport close"
        assert stats["serverId"] == "here"
        assert stats["clientsCount"] == 1
        assert {"name": ADMIN, "socketsCount": 1} in stats["namespaces"]
        assert counted["rawConnection"] == 2
        assert counted["packetsIn"] == 3  # CONNECT twice, the event
        assert counted["bytesIn"] == len("0/admin,") + len("0") + len('20["ask"]')

    async def test_production_shows_numbers_only(
        self, sio: socketio.AsyncServer, client: AsyncTestClient
    ) -> None:
        sio.instrument(auth=False, mode="production", server_stats_interval=0.01)
        admin = await open_admin(sio)
        assert await named(admin, "config") == [{"supportedFeatures": ["AGGREGATED_EVENTS"]}]
        await client.call("ask")
        client.emit("enter", "red")
        for _ in range(3):
            event, *_ = await admin.receive(ADMIN)
            assert event == "server_stats"


class TestWhatTheAdminDoes:
    async def test_acts_on_a_room(self, sio: socketio.AsyncServer, client: AsyncTestClient) -> None:
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        other = AsyncTestClient(sio)
        await other.connect()
        sid = client.sids["/"]
        admin.emit("join", "/", "red", sid, namespace=ADMIN)
        admin.emit("join", "/", "blue", "red", namespace=ADMIN)
        admin.emit("emit", "/", "blue", "hello", 1, "two", namespace=ADMIN)
        assert await client.receive() == ["hello", 1, "two"]
        assert sorted(sio.rooms(sid)) == sorted([sid, "red", "blue"])
        admin.emit("leave", "/", "red", "blue", namespace=ADMIN)
        admin.emit("emit", "/", None, "bye", namespace=ADMIN)
        assert await client.receive() == ["bye"]
        assert await other.receive() == ["bye"], "without a filter it is for all"
        assert sorted(sio.rooms(sid)) == sorted([sid, "blue"])

    @pytest.mark.parametrize("close", [False, True])
    async def test_disconnects(
        self, sio: socketio.AsyncServer, client: AsyncTestClient, close: bool
    ) -> None:
        sio.instrument(auth=False)
        admin = await open_admin(sio)
        sid = client.sids["/"]
        admin.emit("_disconnect", "/", close, sid, namespace=ADMIN)
        args = await named(admin, "socket_disconnected")
        assert args[:3] == ["/", sid, "server disconnect"]
        assert client.sids == {}
        assert (client.reason is not None) is close

    @pytest.mark.parametrize("options", [{"read_only": True}, {"mode": "production"}])
    async def test_only_looks(
        self, sio: socketio.AsyncServer, client: AsyncTestClient, options: dict[str, Any]
    ) -> None:
        sio.instrument(auth=False, **options)
        admin = await open_admin(sio)
        for event in ("emit", "join", "leave", "_disconnect"):
            admin.emit(event, "/", "red", "hello", namespace=ADMIN)
        await client.call("ask")
        assert client.received() == [["answer", 1, b"two"]]
        assert sio.rooms(client.sids["/"]) == [client.sids["/"]]

    async def test_clients_cannot_act(
        self, sio: socketio.AsyncServer, client: AsyncTestClient
    ) -> None:
        """The events mean something on the Admin UI's namespace only."""
        sio.instrument(auth=CREDENTIALS)
        client.emit("emit", "/", None, "forged")
        client.emit("_disconnect", "/", True)
        await client.call("ask")
        assert client.received() == [["answer", 1, b"two"]]


class TestEnd:
    async def test_uninstrument_leaves_nothing(
        self, sio: socketio.AsyncServer, client: AsyncTestClient
    ) -> None:
        instrumented = sio.instrument(auth=False)
        assert sio.observers == [instrumented]
        admin = await open_admin(sio)
        await named(admin, "server_stats")
        instrumented.uninstrument()
        assert sio.observers == []
        await client.call("ask")
        assert admin.received(ADMIN) == []
        with pytest.raises(ConnectionRefusedError):
            await open_admin(sio)

    async def test_shutdown_ends_the_reports(self, sio: socketio.AsyncServer) -> None:
        instrumented = sio.instrument(auth=False, server_stats_interval=0.01)
        admin = await open_admin(sio)
        await named(admin, "server_stats")
        await named(admin, "server_stats")
        await instrumented.shutdown()
        admin.received(ADMIN)
        with pytest.raises(TimeoutError):
            await admin.receive(ADMIN, timeout=0.1)

    def test_other_servers_are_not_touched(self, sio: socketio.AsyncServer) -> None:
        other = socketio.AsyncServer()
        sio.instrument(auth=False)
        assert other.observers == []


class QueueManager(socketio.AsyncPubSubManager):
    """A manager whose message queue is a list of queues in this process."""

    def __init__(self, queues: list[asyncio.Queue[Any]]) -> None:
        super().__init__()
        self._queues = queues
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        queues.append(self._queue)

    async def _publish(self, data: dict[str, Any]) -> None:
        for queue in self._queues:
            queue.put_nowait(data)

    async def _listen(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self._queue.get()


class TestCluster:
    @pytest.fixture
    async def servers(self) -> AsyncIterator[list[socketio.AsyncServer]]:
        queues: list[asyncio.Queue[Any]] = []
        servers = [socketio.AsyncServer(client_manager=QueueManager(queues)) for _ in range(2)]
        for number, server in enumerate(servers):
            server.on("ask", lambda sid, *args: "taken")
            server.instrument(auth=False, server_id=f"{number}", server_stats_interval=0.05)
        yield servers
        for server in servers:
            await server.shutdown()

    async def test_one_admin_ui_sees_and_moves_the_clients_of_all(
        self, servers: list[socketio.AsyncServer]
    ) -> None:
        here, there = servers
        admin = await open_admin(here)
        client = AsyncTestClient(there)
        sid = await client.connect()
        await until(admin, "server_stats", lambda stats: stats["serverId"] == "1")
        await client.call("ask", 1)
        received = await named(admin, "event_received")
        assert received[:3] == ["/", sid, ["ask", 1]]
        admin.emit("join", "/", "red", sid, namespace=ADMIN)
        joined = await until(admin, "room_joined", lambda _, room, *__: room == "red")
        assert joined[2] == sid
        admin.emit("emit", "/", "red", "news", 2, namespace=ADMIN)
        assert await client.receive() == ["news", 2]
        sent = await until(admin, "event_sent", lambda *args: args[2][0] == "news")
        assert sent[:3] == ["/", sid, ["news", 2]]
        admin.emit("_disconnect", "/", False, sid, namespace=ADMIN)
        gone = await until(admin, "socket_disconnected", lambda _, one, *__: one == sid)
        assert gone[2] == "server disconnect"


async def test_a_client_whose_disconnect_handler_runs_is_not_shown(
    sio: socketio.AsyncServer,
) -> None:
    """The Admin UI would never hear that it has gone."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        begun.set()
        await may_end.wait()

    sio.instrument(auth=False)
    staying, leaving = AsyncTestClient(sio), AsyncTestClient(sio)
    sids = [await staying.connect(), await leaving.connect()]
    leaving.leave()
    await begun.wait()
    admin = await open_admin(sio)
    (shown,) = await named(admin, "all_sockets")
    assert [client["id"] for client in shown if client["nsp"] == "/"] == sids[:1]
    may_end.set()


def test_a_session_that_opens_while_numbers_are_told_begins_no_second_series_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sio = socketio.Server(async_mode="threading")
    instrumented = sio.instrument(auth=False, mode="production", server_stats_interval=3600)
    call_later = sio.runtime.call_later
    due: list[Callable[[], None]] = []

    def count(delay: float, function: Callable[..., Any], *args: Any) -> Any:
        if function == instrumented._report:
            due.append(function)
        return call_later(delay, function, *args)

    monkeypatch.setattr(sio.runtime, "call_later", count)
    TestClient(sio).connect()
    assert len(due) == 1
    # In threads a session may open at any moment, at this one too.
    monkeypatch.setattr(instrumented, "_is_watched", lambda: bool(TestClient(sio).connect()))
    due[0]()
    assert len(due) == 2
    sio.shutdown()
