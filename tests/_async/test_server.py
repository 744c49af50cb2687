"""`AsyncServer` from outside, by clients in the same process; the wire has tests of its own."""

from __future__ import annotations

import asyncio
import builtins
import functools
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import socketio
from socketio.exceptions import ConnectionRefusedError, PluginError, TimeoutError
from socketio.testing.memory import AsyncTestClient

Connect = Callable[..., Awaitable[AsyncTestClient]]


@pytest.fixture
async def sio() -> AsyncIterator[socketio.AsyncServer]:
    server = socketio.AsyncServer()
    yield server
    await server.shutdown()


async def join(server: socketio.AsyncServer, namespace: str = "/", **kwargs: Any) -> Any:
    client = AsyncTestClient(server)
    await client.connect(namespace, **kwargs)
    return client


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Let the loop run until something holds, with a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0)


class TestArguments:
    def test_a_misspelt_argument_is_an_error_with_a_suggestion(self) -> None:
        """Trap 10."""
        with pytest.raises(TypeError, match="did you mean 'cors_allowed_origins'"):
            socketio.AsyncServer(cors_allowed_origin="*")

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"ping_interval": "25"}, TypeError, "ping_interval= needs a number"),
            ({"ping_timeout": 0}, ValueError, "ping_timeout= must be more than 0"),
            ({"max_http_buffer_size": -1}, ValueError, "max_http_buffer_size"),
            ({"transports": []}, ValueError, "transports= is empty"),
            ({"namespaces": "/chat"}, TypeError, "namespaces="),
            ({"serializer": object}, TypeError, "serializer="),
            ({"serializer": "pickle"}, PluginError, "pickle"),
            ({"async_mode": "nonsense"}, PluginError, "nonsense"),
            ({"transports": ["carrier-pigeon"]}, PluginError, "carrier-pigeon"),
            ({"client_manager": "carrier-pigeon://"}, PluginError, "carrier-pigeon"),
            ({"json": object()}, TypeError, "json="),
        ],
    )
    def test_impossible_values_fail_at_construction(
        self, arguments: dict[str, Any], error: type[Exception], text: str
    ) -> None:
        with pytest.raises(error, match=text):
            socketio.AsyncServer(**arguments)

    def test_the_mode_follows_from_the_wrapper(self) -> None:
        """Trap 43."""
        server = socketio.AsyncServer()
        socketio.ASGIApp(server)
        assert server.async_mode == "asgi"

    def test_a_forced_mode_is_not_changed_behind_the_users_back(self) -> None:
        server = socketio.AsyncServer(async_mode="asgi")
        with pytest.raises(ValueError, match="async_mode='asgi'"):
            server.eio.use_mode("aiohttp")

    def test_the_library_adds_no_handlers_to_loggers(self) -> None:
        """Trap 44."""
        before = list(logging.getLogger().handlers)
        socketio.AsyncServer()
        assert logging.getLogger().handlers == before
        assert logging.getLogger("socketio.server").handlers == []
        own = logging.getLogger("an application's")
        assert socketio.AsyncServer(logger=own).logger is own
        assert own.handlers == []


class TestConnect:
    async def test_auth_and_environ_reach_the_handler(self, sio: socketio.AsyncServer) -> None:
        seen: list[Any] = []

        @sio.event
        async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
            seen.append((sid, environ["REMOTE_ADDR"], auth))

        client = await join(sio, auth={"token": "x"})
        assert seen == [(client.sids["/"], "127.0.0.1", {"token": "x"})]

    @pytest.mark.parametrize("auth", [None, {}])
    async def test_no_auth_and_empty_auth_differ(
        self, sio: socketio.AsyncServer, auth: Any
    ) -> None:
        """Trap 16."""
        seen: list[Any] = []
        sio.on("connect", lambda sid, environ, auth: seen.append(auth))
        await join(sio, auth=auth)
        assert seen == [auth]

    async def test_each_namespace_has_a_sid_of_its_own(self, sio: socketio.AsyncServer) -> None:
        """Trap 7: and none of them is the engine's, which is a secret."""
        sio.on("x", lambda sid: None, namespace="/chat")
        client = await join(sio)
        await client.connect("/chat")
        assert len({client.sids["/"], client.sids["/chat"], client.session.sid}) == 3

    @pytest.mark.parametrize(
        ("raised", "data"),
        [
            (ConnectionRefusedError(), {"message": "Connection rejected by server"}),
            (ConnectionRefusedError("no"), {"message": "no"}),
            (ConnectionRefusedError("no", {"code": 1}), {"message": "no", "data": {"code": 1}}),
            (ConnectionRefusedError("no", 1, 2), {"message": "no", "data": [1, 2]}),
            (builtins.ConnectionRefusedError(), {"message": "Connection refused by server"}),
            (RuntimeError("secret"), {"message": "Internal server error"}),
            (TypeError("secret"), {"message": "Internal server error"}),
        ],
    )
    async def test_an_exception_refuses_the_client(
        self, sio: socketio.AsyncServer, raised: Exception, data: Any
    ) -> None:
        """Traps 11 and 30: the refusal is an object, and other errors are not given away."""
        calls: list[str] = []

        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            calls.append("connect")
            raise raised

        sio.on("disconnect", lambda sid: calls.append("disconnect"))
        with pytest.raises(OSError) as refused:  # the data is compared below
            await join(sio)
        assert refused.value.args[0] == data
        assert calls == ["connect"]

    async def test_false_refuses(self, sio: socketio.AsyncServer) -> None:
        sio.on("connect", lambda sid, environ: False)
        with pytest.raises(OSError, match="rejected"):
            await join(sio)

    async def test_an_unknown_namespace_is_refused_with_an_object(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 11."""
        with pytest.raises(OSError) as refused:  # the data is compared below
            await join(sio, "/nowhere")
        assert refused.value.args[0] == {"message": "Invalid namespace"}

    async def test_what_the_connect_handler_emits_arrives_after_connect(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 31."""

        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            await sio.emit("welcome", to=sid)
            await sio.enter_room(sid, "hall")
            await sio.emit("joined", room="hall")

        client = await join(sio)
        assert client.received() == [["welcome"], ["joined"]]

    async def test_broadcasts_do_not_reach_a_client_that_is_not_accepted_yet(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 2."""
        gate = asyncio.Event()

        @sio.event
        async def connect(sid: str, environ: Any, auth: Any) -> bool:
            if auth:
                await gate.wait()
                return False
            return True

        member = await join(sio)
        stranger = AsyncTestClient(sio)
        waiting = asyncio.ensure_future(stranger.connect(auth={"slow": True}))
        await until(lambda: len(sio.manager.pending_connect) == 1)
        await sio.emit("secret")
        gate.set()
        with pytest.raises(OSError):  # that it is refused is all
            await waiting
        assert member.received() == [["secret"]]
        assert stranger.received() == []

    async def test_disconnect_inside_the_connect_handler_refuses(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 27."""
        calls: list[str] = []

        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            await sio.disconnect(sid)

        sio.on("disconnect", lambda sid, reason: calls.append(reason))
        with pytest.raises(OSError):  # that it is refused is all
            await join(sio)
        assert calls == []
        assert list(sio.manager.get_namespaces()) == []

    async def test_a_client_that_goes_while_its_handler_runs_is_disconnected_once(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 28: the handler accepted it, so the application hears of its end."""
        gate = asyncio.Event()
        reasons: list[str] = []

        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            await gate.wait()

        sio.on("disconnect", lambda sid, reason: reasons.append(reason))
        client = AsyncTestClient(sio)
        connecting = asyncio.ensure_future(client.connect())
        await until(lambda: len(sio.manager.pending_connect) == 1)
        client.drop("transport close")
        gate.set()
        await until(lambda: bool(reasons))
        connecting.cancel()
        assert reasons == ["transport close"]
        assert not sio.environ and not sio.manager.eio_to_sid

    async def test_always_connect_refuses_by_disconnecting(self) -> None:
        """Trap 54."""
        sio = socketio.AsyncServer(always_connect=True)
        calls: list[str] = []
        sio.on("connect", lambda sid, environ: False)
        sio.on("disconnect", lambda sid, reason: calls.append(reason))
        client = await join(sio)
        await until(lambda: not client.sids)
        assert calls == []
        await sio.shutdown()


class TestHandlers:
    @pytest.mark.parametrize(
        ("event", "handler"),
        [
            ("connect", lambda: None),
            ("connect", lambda sid: None),
            ("connect", lambda a, b, c, d: None),
            ("disconnect", lambda: None),
            ("disconnect", lambda a, b, c: None),
            ("my event", lambda: None),
            ("*", lambda event: None),
        ],
    )
    def test_a_wrong_arity_is_refused_at_registration(
        self, event: str, handler: Callable[..., Any]
    ) -> None:
        with pytest.raises(TypeError, match=r"must take the arguments \("):
            socketio.AsyncServer().on(event, handler)

    def test_a_class_method_of_wrong_arity_is_refused_too(self) -> None:
        class Chat(socketio.AsyncNamespace):
            def on_message(self) -> None: ...

        with pytest.raises(TypeError, match="message"):
            socketio.AsyncServer().register_namespace(Chat("/chat"))

    async def test_a_type_error_of_the_handler_does_not_call_it_again(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 30."""
        calls: list[int] = []

        @sio.event
        def disconnect(sid: str, reason: str) -> None:
            calls.append(1)
            raise TypeError("the application's own")

        client = await join(sio)
        client.drop()
        await until(lambda: not sio.environ)
        assert calls == [1]

    async def test_several_arguments_and_acks(self, sio: socketio.AsyncServer) -> None:
        @sio.event
        async def add(sid: str, a: int, b: int) -> int:
            return a + b

        sio.on("nothing", lambda sid: None)
        sio.on("pair", lambda sid: (1, b"x"))
        sio.on("list", lambda sid: [1, 2])
        client = await join(sio)
        assert await client.call("add", 1, 2) == [3]
        assert await client.call("nothing") == []
        assert await client.call("pair") == [1, b"x"]
        assert await client.call("list") == [[1, 2]]

    async def test_partials_and_callable_objects_are_coroutine_functions(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 35."""

        async def scale(factor: int, sid: str, value: int) -> int:
            await asyncio.sleep(0)
            return factor * value

        class Adder:
            async def __call__(self, sid: str, value: int) -> int:
                await asyncio.sleep(0)
                return value + 1

        sio.on("scale", functools.partial(scale, 10))
        sio.on("add", Adder())
        client = await join(sio)
        assert await client.call("scale", 4) == [40]
        assert await client.call("add", 4) == [5]

    async def test_handlers_start_in_order_and_may_overlap(self, sio: socketio.AsyncServer) -> None:
        """Trap 32."""
        log: list[str] = []
        gate = asyncio.Event()

        @sio.event
        async def work(sid: str, name: str) -> None:
            log.append(f"start {name}")
            if name == "a":
                await gate.wait()
            log.append(f"end {name}")

        client = await join(sio)
        for name in "abc":
            client.emit("work", name)
        assert log == ["start a", "start b", "end b", "start c", "end c"]
        gate.set()
        await until(lambda: log[-1] == "end a")

    async def test_handlers_run_one_after_another_when_asked(self) -> None:
        sio = socketio.AsyncServer(async_handlers=False)
        log: list[str] = []

        @sio.event
        async def work(sid: str, name: str) -> None:
            log.append(f"start {name}")
            await asyncio.sleep(0)
            log.append(f"end {name}")

        client = await join(sio)
        for name in "ab":
            client.emit("work", name)
        await until(lambda: len(log) == 4)
        assert log == ["start a", "end a", "start b", "end b"]
        with pytest.raises(RuntimeError, match="async_handlers"):
            await sio.call("x", to=client.sids["/"])
        await sio.shutdown()

    async def test_a_handlers_task_is_its_own(self, sio: socketio.AsyncServer) -> None:
        """What a handler does to its task must never reach the client's connection."""
        results: list[Any] = []

        @sio.event
        async def slow(sid: str) -> None:
            before = asyncio.current_task()
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()
            except builtins.TimeoutError:
                results.append(asyncio.current_task() is before)

        @sio.event
        async def cancelled(sid: str) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                results.append("cancelled")
                raise

        client = await join(sio)
        client.emit("cancelled")
        client.emit("slow")
        await until(lambda: len(results) == 2)
        assert sorted(results, key=str) == [True, "cancelled"]
        sio.on("ping", lambda sid: "pong")
        assert await client.call("ping") == ["pong"]

    async def test_an_exception_harms_nobody_else(
        self, sio: socketio.AsyncServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        @sio.event
        async def fail(sid: str) -> None:
            raise RuntimeError("the application's own")

        sio.on("ping", lambda sid: "pong")
        client = await join(sio)
        client.emit("fail")
        assert await client.call("ping") == ["pong"]
        assert "handler of 'fail' in / failed" in caplog.text
        assert "the application's own" in caplog.text

    async def test_catch_alls(self, sio: socketio.AsyncServer) -> None:
        """Trap 45: an event that is called `*` is an event like any other."""
        seen: list[Any] = []
        sio.on("*", lambda event, sid, *args: seen.append((event, *args)))
        sio.on("known", lambda sid, *args: seen.append(("exact", *args)))
        sio.on("*", lambda event, ns, sid, *args: seen.append((event, ns, *args)), namespace="*")
        sio.on("exact", lambda ns, sid: seen.append(("exact of", ns)), namespace="*")
        sio.namespaces = "*"
        client = await join(sio)
        await client.connect("/any")
        client.emit("known", 1)
        client.emit("unknown", 2)
        client.emit("*", 3)
        client.emit("unknown", 4, namespace="/any")
        client.emit("exact", namespace="/any")
        assert seen == [
            ("exact", 1),
            ("unknown", 2),
            ("*", 3),
            ("unknown", "/any", 4),
            ("exact of", "/any"),
        ]

    async def test_class_namespaces(self, sio: socketio.AsyncServer) -> None:
        seen: list[Any] = []

        class Chat(socketio.AsyncNamespace):
            def on_connect(self, sid: str, environ: Any) -> None:
                seen.append("connect")

            async def on_disconnect(self, sid: str) -> None:
                seen.append("disconnect")

            async def on_say(self, sid: str, text: str) -> str:
                await self.emit("said", text, skip_sid=sid)
                return "ok"

            def on_shout(self, sid: str) -> None:
                seen.append("never")

        sio.register_namespace(Chat("/chat"))
        sio.on("shout", lambda sid: seen.append("function wins"), namespace="/chat")
        one, two = await join(sio, "/chat"), await join(sio, "/chat")
        assert await one.call("say", "hi", namespace="/chat") == ["ok"]
        assert two.received("/chat") == [["said", "hi"]]
        assert one.received("/chat") == []
        one.emit("shout", namespace="/chat")
        one.emit("no such method", namespace="/chat")
        one.leave("/chat")
        assert seen == ["connect", "connect", "function wins", "disconnect"]

    async def test_lifecycle_handlers_cannot_be_reached_by_events(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 1."""
        calls: list[Any] = []
        sio.on("connect", lambda sid, environ, auth: calls.append(auth))
        sio.on("disconnect", lambda sid, reason: calls.append(reason))
        client = await join(sio)
        client.send_raw('42["connect",{},{"user":"admin"}]')
        assert client.reason == "transport error"
        assert calls == [None, "transport error"]
        with pytest.raises(ValueError, match="reserved"):
            await sio.emit("disconnect", "x")


class TestEmit:
    async def test_nobody_is_nobody(self, sio: socketio.AsyncServer) -> None:
        """Trap 3."""
        client = await join(sio)
        for nobody in ([], "", (), set(), "no such room"):
            await sio.emit("x", to=nobody)
        assert client.received() == []
        await sio.emit("x", to=None)
        assert client.received() == [["x"]]

    @pytest.mark.parametrize("kind", [list, tuple, set, frozenset, iter])
    async def test_skip_sid_takes_any_iterable(
        self, sio: socketio.AsyncServer, kind: Callable[[Any], Any]
    ) -> None:
        """Trap 3."""
        one, two, three = [await join(sio) for _ in range(3)]
        await sio.emit("x", skip_sid=kind([one.sids["/"], two.sids["/"]]))
        assert [c.received() for c in (one, two, three)] == [[], [], [["x"]]]

    async def test_rooms(self, sio: socketio.AsyncServer) -> None:
        one, two, three = [await join(sio) for _ in range(3)]
        ids = [c.sids["/"] for c in (one, two, three)]
        await sio.enter_room(ids[0], "a")
        await sio.enter_room(ids[1], "a")
        await sio.enter_room(ids[1], "b")
        await sio.enter_room(ids[2], "b")
        assert sorted(sio.rooms(ids[1])) == sorted([ids[1], "a", "b"])
        await sio.emit("x", room=["a", "b"])
        assert [c.received() for c in (one, two, three)] == [[["x"]]] * 3
        await sio.leave_room(ids[0], "a")
        await sio.emit("y", room="a", skip_sid=ids[1])
        await sio.emit("z", to="a")
        assert [c.received() for c in (one, two, three)] == [[], [["z"]], []]
        await sio.close_room("b")
        assert sio.rooms(ids[2]) == [ids[2]]

    async def test_a_clients_own_room_is_its_own(self, sio: socketio.AsyncServer) -> None:
        one, two = await join(sio), await join(sio)
        with pytest.raises(ValueError, match="another client"):
            await sio.enter_room(one.sids["/"], two.sids["/"])
        with pytest.raises(ValueError, match="own"):
            await sio.close_room(one.sids["/"])
        with pytest.raises(ValueError, match="not connected"):
            await sio.enter_room("nobody", "room")

    async def test_callbacks_and_call(self, sio: socketio.AsyncServer) -> None:
        client = await join(sio)
        answers: list[Any] = []
        client.on("question", lambda *args: ("yes", *args))
        await sio.emit(
            "question", (1, 2), to=client.sids["/"], callback=lambda *a: answers.append(a)
        )
        assert answers == [("yes", 1, 2)]

        async def later(*args: Any) -> None:
            await asyncio.sleep(0)
            answers.append(args)

        await sio.emit("question", to=client.sids["/"], callback=later)
        await until(lambda: len(answers) == 2)
        assert await sio.call("question", to=client.sids["/"]) == "yes"
        assert await sio.call("question", 3, sid=client.sids["/"]) == ("yes", 3)

    async def test_forged_acks_are_ignored(self, sio: socketio.AsyncServer) -> None:
        """Trap 4."""
        client = await join(sio)
        answers: list[Any] = []
        for forged in ("430[]", "4399[1]"):
            client.send_raw(forged)
        await sio.emit("q", to=client.sids["/"], callback=lambda *a: answers.append(a))
        client.send_raw("430[1]")
        client.send_raw("430[2]")
        await sio.emit("q", to=client.sids["/"], callback=lambda *a: answers.append(a))
        client.send_raw("431[3]")
        assert answers == [(1,), (3,)]
        assert client.reason is None

    async def test_call_ends_when_nobody_will_answer(self, sio: socketio.AsyncServer) -> None:
        """Trap 33."""
        client = await join(sio)
        with pytest.raises(ValueError, match="broadcast"):
            await sio.call("q")
        with pytest.raises(TimeoutError, match=r"0\.01"):
            await sio.call("q", to=client.sids["/"], timeout=0.01)
        with pytest.raises(TimeoutError, match="gone"):
            await sio.call("q", to="nobody")
        calling = asyncio.ensure_future(sio.call("q", to=client.sids["/"]))
        assert [await client.receive(), await client.receive()] == [["q"], ["q"]]
        client.drop()
        with pytest.raises(TimeoutError, match="gone"):
            await calling
        assert sio.manager.callbacks == {}

    async def test_a_call_that_has_ended_waits_for_no_ack(self, sio: socketio.AsyncServer) -> None:
        """A client that stays and never answers must not fill the table."""
        client = await join(sio)
        sid = client.sids["/"]
        other: list[Any] = []
        await sio.emit("other", to=sid, callback=lambda *a: other.append(a))
        with pytest.raises(TimeoutError):
            await sio.call("q", to=sid, timeout=0.01)
        with pytest.raises(TypeError):
            await sio.call("q", object(), to=sid)
        calling = asyncio.ensure_future(sio.call("q", to=sid))
        assert [(await client.receive())[0] for _ in range(3)] == ["other", "q", "q"]
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert len(sio.manager.callbacks[sid]) == 1
        client.send_raw("430[1]")
        assert other == [(1,)]

    async def test_what_cannot_be_sent_is_refused_where_it_is_sent(
        self, sio: socketio.AsyncServer
    ) -> None:
        """Trap 48."""
        client = await join(sio)
        with pytest.raises(ValueError, match=r"(?i)nan"):
            await sio.emit("x", float("nan"))
        with pytest.raises(TypeError, match="type object"):
            await sio.emit("x", object())
        with pytest.raises(TypeError, match="name of an event"):
            await sio.emit(None)  # type: ignore[arg-type]  # the point of the test
        assert client.received() == []

    async def test_an_unknown_client_is_no_error(self, sio: socketio.AsyncServer) -> None:
        await sio.emit("x", to="nobody")
        await sio.disconnect("nobody")

    async def test_emit_from_another_thread(self, sio: socketio.AsyncServer) -> None:
        """Trap 34."""
        client = await join(sio)
        thread = threading.Thread(target=lambda: asyncio.run(sio.emit("from a thread")))
        thread.start()
        assert await client.receive() == ["from a thread"]
        await asyncio.to_thread(thread.join)


class TestSessions:
    async def test_data_lives_as_long_as_the_client(self, sio: socketio.AsyncServer) -> None:
        last: list[Any] = []

        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            await sio.save_session(sid, {"user": 1})

        @sio.event
        async def disconnect(sid: str, reason: str) -> None:
            environ = sio.get_environ(sid)
            assert environ is not None
            last.append((await sio.get_session(sid), sio.rooms(sid), environ["REMOTE_ADDR"]))

        client = await join(sio)
        sid = client.sids["/"]
        async with sio.session(sid) as session:
            session["seen"] = True
        assert await sio.get_session(sid) == {"user": 1, "seen": True}
        assert sio.transport(sid) == "memory"
        client.drop()
        await until(lambda: not sio.environ)
        assert last == [({"user": 1, "seen": True}, [sid], "127.0.0.1")]
        assert sio.get_environ(sid) is None
        with pytest.raises(KeyError):
            await sio.get_session(sid)
        with pytest.raises(KeyError):
            sio.transport(sid)


class TestDisconnect:
    async def test_the_server_disconnects(self, sio: socketio.AsyncServer) -> None:
        """Trap 27."""
        reasons: list[str] = []
        sio.on("disconnect", lambda sid, reason: reasons.append(reason))
        client = await join(sio)
        await sio.disconnect(client.sids["/"])
        assert reasons == ["server disconnect"]
        assert client.sids == {}
        assert client.reason is None
        await client.connect()
        await sio.disconnect(client.sids["/"], close=True)
        assert client.reason == "server disconnect"
        assert reasons == ["server disconnect"] * 2

    @pytest.mark.parametrize("ways", [("leave", "drop"), ("drop", "leave"), ("drop", "drop")])
    async def test_the_handler_runs_once(
        self, sio: socketio.AsyncServer, ways: tuple[str, str]
    ) -> None:
        """Trap 28."""
        reasons: list[str] = []
        gate = asyncio.Event()

        @sio.event
        async def disconnect(sid: str, reason: str) -> None:
            reasons.append(reason)
            await gate.wait()

        client = await join(sio)
        disconnecting = asyncio.ensure_future(sio.disconnect(client.sids["/"]))
        for way in ways:
            getattr(client, way)()
        await asyncio.sleep(0)
        gate.set()
        await disconnecting
        await until(lambda: not sio.environ)
        assert len(reasons) == 1

    async def test_late_packets_of_a_disconnected_client_are_no_offence(
        self, sio: socketio.AsyncServer
    ) -> None:
        sio.on("x", lambda sid: None, namespace="/chat")
        client = await join(sio)
        await client.connect("/chat")
        await sio.disconnect(client.sids["/chat"], namespace="/chat")
        client.emit("late", namespace="/chat")
        assert client.reason is None
        client.emit("never joined", namespace="/other")
        assert client.reason == "transport error"

    async def test_shutdown_runs_the_disconnect_handlers(self) -> None:
        """Trap 29."""
        sio = socketio.AsyncServer()
        done: list[str] = []

        @sio.event
        async def disconnect(sid: str, reason: str) -> None:
            await asyncio.sleep(0)
            done.append(reason)

        clients = [await join(sio) for _ in range(3)]
        await sio.shutdown()
        assert done == ["server disconnect"] * 3
        assert all(client.reason == "server disconnect" for client in clients)

    async def test_nothing_is_left_behind(self, sio: socketio.AsyncServer) -> None:
        """A soak in small: every table is empty when the last client is gone."""
        sio.on("x", lambda sid: None, namespace="/chat")
        for _ in range(20):
            client = await join(sio)
            await client.connect("/chat")
            await sio.enter_room(client.sids["/"], "room")
            await sio.emit("q", to=client.sids["/"], callback=lambda: None)
            client.drop()
        await until(lambda: not sio.environ)
        manager = sio.manager
        assert not manager.rooms and not manager.eio_to_sid and not manager.callbacks
        assert not manager.pending_connect and not manager.pending_disconnect
        assert not sio._ended and not sio.eio.sessions and not sio.eio.heartbeats
        assert not manager.table.namespaces and not sio.eio._joining


class TestHostileNames:
    """Names of events and namespaces come from clients: what they leave behind is bounded."""

    async def test_long_event_names_are_not_remembered(self, sio: socketio.AsyncServer) -> None:
        client = await join(sio)
        for number in range(20):
            client.emit(f"{'n' * 1000}{number}")
        client.emit("short")
        assert [event for _, event in sio.table._chosen if len(event) > 200] == []
        assert ("/", "short") in sio.table._chosen

    async def test_refused_namespaces_are_remembered_within_bounds(self) -> None:
        sio = socketio.AsyncServer(namespaces="*")
        sio.on("connect", lambda namespace, *args: namespace == "/", namespace="*")
        client = await join(sio)
        assert client.session is not None
        for number in range(150):
            client.session.receive(f"40/{number},")
        client.session.receive(f"40/{'n' * 10_000},")
        left = client.session.client.memberships
        assert len(left) <= 101
        assert max(map(len, left)) <= 1000
        await sio.shutdown()

    async def test_a_connect_handler_that_is_cancelled_refuses_its_client(
        self, sio: socketio.AsyncServer
    ) -> None:
        waited_for = asyncio.get_running_loop().create_future()

        @sio.on("connect", namespace="/slow")
        async def connect(sid: str, environ: Any) -> None:
            await waited_for

        client = await join(sio)
        assert client.session is not None
        client.session.receive("40/slow,")
        waited_for.cancel()
        await until(lambda: client.session.client.joined("/slow") is None)
        assert not sio.manager.pending_connect
        assert not client.session.closed
        session = client.session
        session.end("transport close")
        await until(lambda: session.sid not in sio.environ)
        assert sio.find_session(session.sid) is None


@pytest.mark.parametrize("manager", [7, socketio.AsyncManager, object()])
def test_what_is_no_client_manager_is_refused(manager: Any) -> None:
    with pytest.raises(TypeError, match=r"client_manager= needs a URL such as .* or a manager"):
        socketio.AsyncServer(client_manager=manager)


def test_a_client_manager_of_the_other_flavour_is_refused() -> None:
    with pytest.raises(TypeError, match="Manager is no client manager for AsyncServer"):
        socketio.AsyncServer(client_manager=socketio.Manager())
    with pytest.raises(TypeError, match="AsyncManager is no client manager for Server"):
        socketio.Server(client_manager=socketio.AsyncManager())
