"""Handlers behind decorators that inject, drop or convert arguments, in both flavours."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import pydantic
import pytest

import socketio
from socketio.testing.memory import AsyncTestClient, TestClient

AUTH = {"token": "secret"}

Decorate = Callable[[Callable[..., Any]], Callable[..., Any]]


def traced(decorate: Decorate) -> Decorate:
    """Make the result of a decorator say what it wraps."""
    return lambda function: functools.wraps(function)(decorate(function))


def injecting(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(*args, db="db", **kwargs)


def appending(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: function(*args, "db")


def passing(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(*args, **kwargs)


def naming(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sid, *args: function(sid, *args)


def dropping(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sid, *args: function(*args)


def only_the_last(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: function(args[0], args[2])


def awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap in a coroutine function where the handler is one."""
    if not inspect.iscoroutinefunction(function):
        return passing(function)

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return await function(*args, **kwargs)

    return wrapper


class Injector:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args, db="db")


CONNECT: list[tuple[Decorate, str, list[Any]]] = [
    (injecting, "sid, environ, auth, db", ["environ", "auth", "db"]),
    (injecting, "sid, environ, auth, *, db", ["environ", "auth", "db"]),
    (injecting, "sid, environ, *, db", ["environ", "db"]),
    (injecting, "sid, environ, db", ["environ", "db"]),
    (appending, "sid, environ, db", ["environ", "db"]),
    (appending, "sid, environ, auth, db", ["environ", "auth", "db"]),
    (passing, "sid, environ", ["environ"]),
    (passing, "sid, environ, auth", ["environ", "auth"]),
    (naming, "sid, environ", ["environ"]),
    (dropping, "environ", ["environ"]),
    (dropping, "environ, auth", ["environ", "auth"]),
    (only_the_last, "sid, auth", ["auth"]),
    (awaiting, "sid, environ", ["environ"]),
    (Injector, "sid, environ, *, db", ["environ", "db"]),
    (Injector, "sid, environ, auth, db", ["environ", "auth", "db"]),
]
DISCONNECT: list[tuple[Decorate, str, list[Any]]] = [
    (injecting, "sid, reason, *, db", ["client disconnect", "db"]),
    (injecting, "sid, *, db", ["db"]),
    (injecting, "sid, db", ["db"]),
    (appending, "sid, db", ["db"]),
    (passing, "sid", []),
    (naming, "sid", []),
    (dropping, "", []),
    (dropping, "reason", ["client disconnect"]),
    (awaiting, "sid", []),
    (Injector, "sid, *, db", ["db"]),
]
EVENT: list[tuple[Decorate, str, list[Any]]] = [
    (injecting, "sid, data, *, db", ["data", "db"]),
    (injecting, "sid, data, db", ["data", "db"]),
    (appending, "sid, data, db", ["data", "db"]),
    (dropping, "data", ["data"]),
    (Injector, "sid, data, *, db", ["data", "db"]),
]


def make(parameters: str, calls: list[Any], waits: bool) -> Callable[..., Any]:
    """Make a handler that notes what it gets besides its client."""
    names = [name for name in parameters.replace("*", "").replace(" ", "").split(",") if name]
    scope: dict[str, Any] = {"note": lambda *args: calls.append([readable(arg) for arg in args])}
    noted = ", ".join(name for name in names if name != "sid")
    exec(f"{'async ' if waits else ''}def handler({parameters}): note({noted})", scope)
    function: Callable[..., Any] = scope["handler"]
    return function


def readable(argument: Any) -> Any:
    if argument == AUTH:
        return "auth"
    return "environ" if isinstance(argument, dict) else argument


async def visit(
    flavour: str, register: Callable[[Any], None], log: pytest.LogCaptureFixture, clients: int = 2
) -> None:
    """Let clients come, send an event and go, one after another."""
    if flavour == "async":
        sio = socketio.AsyncServer()
        register(sio)
        for _ in range(clients):
            client = AsyncTestClient(sio)
            await client.connect(auth=AUTH)
            await client.call("chat", "data")
            client.leave()
        await sio.shutdown()
    else:
        server = socketio.Server()
        register(server)
        await asyncio.to_thread(visit_threads, server, clients)
    assert not [record for record in log.records if record.levelname == "ERROR"]


def visit_threads(server: socketio.Server, clients: int) -> None:
    for _ in range(clients):
        client = TestClient(server)
        client.connect(auth=AUTH)
        client.call("chat", "data")
        client.leave()
    server.shutdown()


@pytest.fixture(params=["async", "async-plain", "sync"])
def kind(request: pytest.FixtureRequest) -> str:
    """The flavour, and whether its handlers are coroutine functions."""
    return str(request.param)


@pytest.mark.parametrize(
    ("event", "decorate", "parameters", "expected"),
    [
        (event, *case)
        for event, cases in (("connect", CONNECT), ("disconnect", DISCONNECT), ("chat", EVENT))
        for case in cases
    ],
)
async def test_decorated_handlers_run(
    kind: str,
    event: str,
    decorate: Decorate,
    parameters: str,
    expected: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for wraps, place in itertools.product((traced, lambda it: it), PLACES):
        calls: list[Any] = []
        function = make(parameters, calls, waits=kind == "async")
        handler = wraps(decorate)(function)
        flavour = kind.partition("-")[0]
        await visit(flavour, functools.partial(place, event, handler), caplog)
        assert calls == [expected, expected], (wraps, place)


def as_function(event: str, handler: Callable[..., Any], sio: Any) -> None:
    sio.on("chat", lambda *args: None)
    sio.on(event, handler)


def in_a_class(event: str, handler: Callable[..., Any], sio: Any) -> None:
    base = socketio.AsyncNamespace if sio.flavour == "async" else socketio.Namespace
    methods = {"on_chat": lambda *args: None, f"on_{event}": staticmethod(handler)}
    sio.register_namespace(type("Handlers", (base,), methods)("/"))


def in_every_namespace(event: str, handler: Callable[..., Any], sio: Any) -> None:
    """The namespace's name comes first, of which the decorators know nothing."""
    sio.on("chat", lambda *args: None, namespace="*")
    sio.on(event, functools.partial(without_first, handler), namespace="*")


PLACES = (as_function, in_a_class, in_every_namespace)


def without_first(handler: Callable[..., Any], first: Any, *args: Any) -> Any:
    return handler(*args)


async def test_a_body_that_fails_is_run_once(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Trap 30."""
    calls: list[Any] = []

    def disconnect(*args: Any) -> None:
        calls.append(len(args))
        without_first()  # type: ignore[call-arg]  # on purpose

    place = functools.partial(as_function, "disconnect", disconnect)
    with pytest.raises(AssertionError):  # the failure is in the log
        await visit(kind.partition("-")[0], place, caplog, 1)
    assert calls == [2]


async def test_pydantic_validates_arguments(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Any] = []

    @pydantic.validate_call
    def connect(sid: str, environ: dict[str, Any]) -> None:
        calls.append("connect")

    @pydantic.validate_call
    def disconnect(sid: str) -> None:
        calls.append("disconnect")

    @pydantic.validate_call
    def chat(sid: str, text: str, number: int = 3) -> None:
        calls.append((text, number))

    def register(sio: Any) -> None:
        for handler in (connect, disconnect, chat):
            sio.event(handler)

    await visit(kind.partition("-")[0], register, caplog, 1)
    assert calls == ["connect", ("data", 3), "disconnect"]


def test_a_function_is_named_after_what_it_is_a_partial_of() -> None:
    sio = socketio.Server()
    sio.event(functools.partial(readable))
    assert list(sio.handlers["/"]) == ["readable"]
    with pytest.raises(TypeError, match="has no name"):
        sio.event(Injector(readable))
    sio.shutdown()
