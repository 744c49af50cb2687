"""What programs written for python-socketio do to the way in which events find handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import socketio
from socketio.testing.memory import AsyncTestClient, TestClient


@pytest.fixture
async def sio() -> Any:
    server = socketio.AsyncServer()
    yield server
    await server.shutdown()


class Recording(socketio.AsyncServer):
    """Sees every event, of the life cycle too, before its handler."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen: list[tuple[Any, ...]] = []

    async def _trigger_event(self, event: Any, namespace: str, *args: Any) -> Any:
        self.seen.append((event, namespace, len(args)))
        return await super()._trigger_event(event, namespace, *args)


class RecordingThreads(socketio.Server):
    """The same for threads."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen: list[tuple[Any, ...]] = []

    def _trigger_event(self, event: Any, namespace: str, *args: Any) -> Any:
        self.seen.append((event, namespace, len(args)))
        return super()._trigger_event(event, namespace, *args)


SEEN = [("connect", "/", 3), ("ask", "/", 2), ("unknown", "/", 1), ("disconnect", "/", 2)]


async def test_a_subclass_sees_every_event() -> None:
    sio = Recording()
    sio.on("ask", lambda sid, value: value * 2)
    client = AsyncTestClient(sio)
    await client.connect()
    assert await client.call("ask", 21) == [42]
    client.emit("unknown")
    client.leave()
    await sio.shutdown()
    assert sio.seen == SEEN


def test_a_threaded_subclass_sees_every_event() -> None:
    sio = RecordingThreads()
    sio.on("ask", lambda sid, value: value * 2)
    client = TestClient(sio)
    client.connect()
    assert client.call("ask", 21) == [42]
    client.emit("unknown")
    client.leave()
    sio.shutdown()
    assert sio.seen == SEEN


async def test_what_is_assigned_to_a_server_sees_its_events(sio: socketio.AsyncServer) -> None:
    seen: list[Any] = []
    original = sio._trigger_event

    async def patched(event: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(event)
        return await original(event, *args, **kwargs)

    sio.on("ask", lambda sid: "answer")
    client = AsyncTestClient(sio)
    await client.connect()
    sio._trigger_event = patched  # type: ignore[method-assign]  # as programs do
    assert await client.call("ask") == ["answer"]
    assert seen == ["ask"]


async def test_the_class_itself_may_be_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def patched(self: Any, event: Any, namespace: str, *args: Any) -> Any:
        return None if event == "connect" else f"instead of {event}"

    monkeypatch.setattr(socketio.AsyncServer, "_trigger_event", patched)
    sio = socketio.AsyncServer()
    sio.on("ask", lambda sid: "answer")
    client = AsyncTestClient(sio)
    await client.connect()
    assert await client.call("ask") == ["instead of ask"]
    await sio.shutdown()


@pytest.mark.parametrize(
    ("handler", "args"),
    [
        (lambda sid, environ: (sid, environ), ("x", {})),
        (lambda sid, environ: (sid, environ), ("x", {}, None)),
        (lambda sid, environ, auth=None: (sid, environ), ("x", {})),
    ],
)
async def test_a_unit_test_calls_a_handler(
    sio: socketio.AsyncServer, handler: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    sio.on("connect", handler)
    assert await sio._trigger_event("connect", "/", *args) == ("x", {})
    assert await sio._trigger_event("nothing", "/", "x") is sio.not_handled


async def test_a_unit_test_calls_a_namespace(sio: socketio.AsyncServer) -> None:
    class Chat(socketio.AsyncNamespace):
        def on_connect(self, sid: str, environ: Any) -> tuple[str, Any]:
            return sid, environ

        async def on_disconnect(self, sid: str) -> str:
            return sid

    chat = Chat("/chat")
    sio.register_namespace(chat)
    for args in (("x", {}), ("x", {}, None)):
        assert await chat.trigger_event("connect", *args) == ("x", {})
    for args in (("x",), ("x", "a reason")):
        assert await chat.trigger_event("disconnect", *args) == "x"


async def test_a_handler_that_is_taken_out_is_called_no_more(sio: socketio.AsyncServer) -> None:
    called: list[Any] = []
    sio.on("progress", lambda sid, value: called.append(value))
    client = AsyncTestClient(sio)
    await client.connect()
    client.emit("progress", 1)
    del sio.handlers["/"]["progress"]
    client.emit("progress", 2)
    assert called == [1]
    assert sio.handlers == {"/": {}}


async def test_a_handler_is_replaced_in_place(sio: socketio.AsyncServer) -> None:
    """By one of the other form, too: the first takes no auth."""
    seen: list[Any] = []
    sio.on("connect", lambda sid, environ: seen.append("before"))
    await AsyncTestClient(sio).connect()
    original = sio.handlers["/"]["connect"]

    def patched(sid: str, environ: Any, auth: Any) -> None:
        seen.append(auth)
        original(sid, environ)

    sio.handlers["/"]["connect"] = patched
    await AsyncTestClient(sio).connect(auth={"token": 1})
    assert seen == ["before", {"token": 1}, "before"]


async def test_a_namespace_is_added_and_removed_in_place(sio: socketio.AsyncServer) -> None:
    sio.handlers["/chat"] = {}
    sio.handlers.setdefault("/chat", {})["ask"] = lambda sid: 1
    client = AsyncTestClient(sio)
    await client.connect("/chat")
    assert await client.call("ask", namespace="/chat") == [1]
    sio.handlers["/chat"].update(ask=lambda sid: 2)
    assert await client.call("ask", namespace="/chat") == [2]
    sio.handlers.pop("/chat")
    with pytest.raises(ConnectionRefusedError):
        await AsyncTestClient(sio).connect("/chat")


async def test_a_client_of_which_every_event_is_seen() -> None:
    client = socketio.AsyncClient()
    seen: list[Any] = []
    original = client._trigger_event

    async def patched(event: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(event)
        return await original(event, *args, **kwargs)

    client.on("news", lambda text: text.upper())
    client._trigger_event = patched  # type: ignore[method-assign]  # as programs do
    assert await client._trigger_event("news", "/", "x") == "X"
    assert seen == ["news"]
    del client.handlers["/"]["news"]
    assert await client._trigger_event("news", "/", "x") is None
