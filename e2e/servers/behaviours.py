"""What every server under test does, written once.

The JavaScript client, the browser and the raw-wire tests all talk to a server that
behaves as described here, whatever framework carries it. The handlers are coroutine
functions over the public server API; ``register`` puts them on an asynchronous server as
they are, and on a synchronous one through ``Awaitable``, which runs each coroutine to its
end in the calling thread. ``js/reference_server.mjs`` is the same table in JavaScript.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from contexts import REQUEST

import socketio

Handler = Callable[..., Any]

VARIANTS: dict[str, dict[str, Any]] = {
    # The defaults, with a limit small enough to be exceeded cheaply.
    "main": {"max_http_buffer_size": 100_000},
    # For clients that fall silent; others have time to answer on a machine that is busy.
    "fast": {"ping_interval": 0.4, "ping_timeout": 0.8},
    # What the official suites ask for.
    "punctual": {"ping_interval": 0.3, "ping_timeout": 0.2, "connect_timeout": 1},
    # For clients that answer every ping, however late.
    "brief": {
        "ping_interval": 0.4,
        "ping_timeout": 60,
        "upgrade_timeout": 1,
        "connect_timeout": 1.5,
    },
    "hurried": {"body_timeout": 0.4},
    "narrow": {"max_outbox_size": 1_000_000, "stall_timeout": 1, "close_timeout": 0.3},
    "msgpack": {"serializer": "msgpack"},
    "always": {"always_connect": True},
    "serial": {"async_handlers": False},
    "cors": {
        "cors_allowed_origins": ["http://allowed.example"],
        "cookie": "io",
    },
    "nocors": {"cors_allowed_origins": [], "subprotocols": ["known", "second"]},
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
}
"""Server options by variant name. Variant ``NAME`` is served at ``/NAME/`` (``main`` at
``/socket.io/``)."""


def variant_path(variant: str) -> str:
    """Return the Engine.IO path of a variant, without slashes."""
    return "socket.io" if variant == "main" else variant


def journal(**entry: Any) -> None:
    """Tell the test what the server saw, as one JSON line on standard output."""
    with _journal_lock:
        sys.stdout.write(json.dumps(entry) + "\n")
        sys.stdout.flush()


_journal_lock = threading.Lock()


class Awaitable:
    """A synchronous server whose blocking methods can be awaited.

    Args:
        server: a ``socketio.Server``.
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._server, name)
        if name not in WAITING_METHODS:
            return member

        async def call(*args: Any, **kwargs: Any) -> Any:
            return member(*args, **kwargs)

        return call


WAITING_METHODS = frozenset(
    {
        "emit",
        "send",
        "call",
        "flushed",
        "enter_room",
        "leave_room",
        "close_room",
        "get_session",
        "save_session",
        "disconnect",
        "shutdown",
        "sleep",
    }
)


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never really waits and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("a behaviour waited for something other than its server")


def blocking(handler: Handler) -> Handler:
    """Return the synchronous twin of a coroutine handler."""
    if not inspect.iscoroutinefunction(handler):
        return handler

    @functools.wraps(handler)
    def run(*args: Any) -> Any:
        return run_to_end(handler(*args))

    return run


def register(server: Any, variant: str = "main") -> None:
    """Put every behaviour on a server.

    Args:
        server: a ``socketio.AsyncServer`` or ``socketio.Server``.
        variant: the name that the journal gives this server.
    """
    is_async = server.is_asyncio_based()
    sio = server if is_async else Awaitable(server)
    for namespace, table in behaviours(sio, variant).items():
        for event, handler in table.items():
            server.on(event, handler if is_async else blocking(handler), namespace=namespace)
    methods = class_methods(sio, variant)
    if not is_async:
        methods = {name: blocking(method) for name, method in methods.items()}
    base = socketio.AsyncNamespace if is_async else socketio.Namespace
    server.register_namespace(type("ClassBased", (base,), methods)("/class"))


def behaviours(sio: Any, variant: str) -> dict[str, dict[str, Handler]]:
    """Return the handlers of one server as ``{namespace: {event: handler}}``."""
    return {
        "/": (
            _lifecycle(sio, variant, "/")
            | _echoes(sio)
            | _calls(sio)
            | _rooms(sio)
            | _sessions(sio)
            | _sequences(sio)
            | _work(sio)
            | _oddities(sio, variant)
        ),
        "/chat": _lifecycle(sio, variant, "/chat") | _second_namespace(sio),
        "/any": _lifecycle(sio, variant, "/any") | _catch_all(),
    }


def _lifecycle(sio: Any, variant: str, namespace: str) -> dict[str, Handler]:
    gates: dict[str, bool] = {}

    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool | None:
        wishes = auth if isinstance(auth, dict) else {}
        refuse = wishes.get("refuse")
        journal(
            event="connecting",
            server=variant,
            namespace=namespace,
            sid=sid,
            tag=wishes.get("tag"),
        )
        if refuse == "false":
            return False
        if refuse == "empty":
            raise socketio.exceptions.ConnectionRefusedError()
        if refuse == "message":
            raise socketio.exceptions.ConnectionRefusedError("not allowed")
        if refuse == "data":
            raise socketio.exceptions.ConnectionRefusedError("not allowed", {"code": 42})
        if refuse == "builtin":
            raise ConnectionRefusedError
        if refuse == "error":
            raise ValueError("the connect handler failed on purpose")
        if wishes.get("gate"):
            gate = str(wishes["gate"])
            gates[gate] = False
            journal(event="waiting", server=variant, namespace=namespace, gate=gate)
            while not gates[gate]:
                await sio.sleep(0.01)
            if wishes.get("then") == "refuse":
                return False
        if wishes.get("early"):
            await sio.emit("early", wishes["early"], to=sid, namespace=namespace)
        if wishes.get("leave"):
            await sio.disconnect(sid, namespace=namespace)
        session = await sio.get_session(sid, namespace=namespace)
        # What a client that was here before has left behind would be found and kept.
        session["auth"] = auth
        session["request"] = REQUEST.get()
        journal(
            event="connect",
            server=variant,
            namespace=namespace,
            sid=sid,
            tag=wishes.get("tag"),
        )
        return None

    async def disconnect(sid: str, reason: str) -> None:
        journal(event="disconnect", server=variant, namespace=namespace, sid=sid, reason=reason)
        session = await sio.get_session(sid, namespace=namespace)
        auth = session.get("auth")
        if isinstance(auth, dict) and auth.get("linger"):
            await sio.sleep(auth["linger"])

    async def requests(sid: str) -> list[str]:
        """Return which request the connect handler has seen, and which one this handler sees."""
        session = await sio.get_session(sid, namespace=namespace)
        return [session["request"], REQUEST.get()]

    async def open_gate(sid: str, gate: str) -> None:
        gates[gate] = True

    async def whoami(sid: str) -> dict[str, Any]:
        environ = sio.get_environ(sid, namespace=namespace)
        session = await sio.get_session(sid, namespace=namespace)
        return {
            "sid": sid,
            "auth": session["auth"],
            "transport": sio.transport(sid, namespace=namespace),
            "address": environ["REMOTE_ADDR"],
            "query": environ["QUERY_STRING"],
            "path": environ["PATH_INFO"],
            "agent": environ.get("HTTP_X_TEST"),
        }

    return {
        "connect": connect,
        "disconnect": disconnect,
        "open gate": open_gate,
        "whoami": whoami,
        "requests": requests,
    }


def _echoes(sio: Any) -> dict[str, Handler]:
    async def echo(sid: str, *args: Any) -> None:
        await sio.emit("echo", args, to=sid)

    async def message(sid: str, data: Any) -> None:
        await sio.send(data, to=sid)

    async def ack(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    def ack_nothing(sid: str) -> None:
        return None

    def ack_plain(sid: str, value: Any) -> Any:
        return value

    return {
        "echo": echo,
        "message": message,
        "ack": ack,
        "ack nothing": ack_nothing,
        "ack plain": ack_plain,
    }


def _calls(sio: Any) -> dict[str, Handler]:
    async def ask(sid: str, event: str, *args: Any) -> Any:
        """Ask the client, and answer with what it answered."""
        answer = await sio.call(event, args, to=sid, timeout=20)
        return {"answer": list(answer) if isinstance(answer, tuple) else answer}

    async def ask_silence(sid: str) -> str:
        try:
            await sio.call("never answered", to=sid, timeout=0.1)
        except socketio.exceptions.TimeoutError:
            return "timeout"
        return "answered"

    async def ask_callback(sid: str, event: str, *args: Any) -> None:
        """Ask the client through a callback; the callback's arguments are echoed."""
        answers: list[Any] = []

        def answered(*values: Any) -> None:
            answers.append(list(values))

        await sio.emit(event, args, to=sid, callback=answered)
        for _ in range(500):
            if answers:
                break
            await sio.sleep(0.01)
        # A second answer for the same id, were it taken, would show up here.
        await sio.sleep(0.05)
        await sio.emit("answers", (answers,), to=sid)

    return {"ask": ask, "ask silence": ask_silence, "ask callback": ask_callback}


def _work(sio: Any) -> dict[str, Handler]:
    """Handlers for clients that send fast, and how far they have come."""
    done: dict[str, int] = {}

    async def work(sid: str, seconds: float, data: Any) -> None:
        await sio.sleep(seconds)
        done[sid] = done.get(sid, 0) + 1

    def worked(sid: str) -> int:
        return done.get(sid, 0)

    async def shout(sid: str) -> None:
        await sio.emit("shout", to=sid)

    return {"work": work, "worked": worked, "shout": shout}


def _rooms(sio: Any) -> dict[str, Handler]:
    async def join(sid: str, room: str) -> list[str]:
        await sio.enter_room(sid, room)
        return sorted(str(name) for name in sio.rooms(sid))

    async def leave(sid: str, room: str) -> list[str]:
        await sio.leave_room(sid, room)
        return sorted(str(name) for name in sio.rooms(sid))

    async def close(sid: str, room: str) -> None:
        await sio.close_room(room)

    async def tell(sid: str, rooms: Any, event: str, *args: Any) -> None:
        """Emit to a room, a list of rooms, an empty list or an empty string."""
        await sio.emit(event, args, to=rooms)

    async def tell_others(sid: str, rooms: Any, event: str, *args: Any) -> None:
        await sio.emit(event, args, to=rooms, skip_sid=sid)

    async def broadcast(sid: str, event: str, *args: Any) -> None:
        await sio.emit(event, args)

    async def broadcast_except(sid: str, sids: list[str], event: str, *args: Any) -> None:
        await sio.emit(event, args, skip_sid=tuple(sids))

    return {
        "join": join,
        "leave": leave,
        "close": close,
        "tell": tell,
        "tell others": tell_others,
        "broadcast": broadcast,
        "broadcast except": broadcast_except,
    }


def _sessions(sio: Any) -> dict[str, Handler]:
    async def remember(sid: str, name: str, value: Any) -> None:
        session = await sio.get_session(sid)
        await sio.save_session(sid, {**session, name: value})

    async def recall(sid: str, name: str) -> Any:
        return (await sio.get_session(sid)).get(name)

    async def bye(sid: str) -> None:
        await sio.disconnect(sid)

    async def bye_then_emit(sid: str) -> None:
        """Emit, then disconnect: what was emitted before still arrives."""
        await sio.emit("last words", "goodbye", to=sid)
        await sio.disconnect(sid)

    async def bye_for_good(sid: str) -> None:
        await sio.disconnect(sid, close=True)

    return {
        "remember": remember,
        "recall": recall,
        "bye": bye,
        "bye then emit": bye_then_emit,
        "bye for good": bye_for_good,
    }


def _sequences(sio: Any) -> dict[str, Handler]:
    received: dict[str, list[int]] = {}
    started: dict[str, list[int]] = {}

    async def number(sid: str, value: int) -> None:
        received.setdefault(sid, []).append(value)

    async def numbers(sid: str) -> list[int]:
        """Answer with the numbers that arrived, in the order in which they did."""
        return received.pop(sid, [])

    async def count(sid: str, total: int) -> None:
        for value in range(total):
            await sio.emit("number", value, to=sid)

    async def wait_then_start(sid: str, value: int, seconds: float) -> list[int]:
        """Note the start, wait, and answer with the starts noted so far."""
        mine = started.setdefault(sid, [])
        mine.append(value)
        await sio.sleep(seconds)
        return list(mine)

    async def bulk(sid: str, total: int, size: int) -> None:
        """Send more than anybody can take at once, from the handler."""
        for value in range(total):
            await sio.emit("bulk", (value, "x" * size), to=sid)

    async def bulk_behind(sid: str, total: int, size: int) -> None:
        """Send as much from a background task, which waits for the client."""

        async def push() -> None:
            for value in range(total):
                await sio.emit("bulk", (value, "x" * size), to=sid, wait=True)
            await sio.flushed(sid)
            await sio.emit("flushed", to=sid)

        sio.start_background_task(push if sio.is_asyncio_based() else blocking(push))

    return {
        "number": number,
        "numbers": numbers,
        "count": count,
        "start": wait_then_start,
        "bulk": bulk,
        "bulk behind": bulk_behind,
    }


def _oddities(sio: Any, variant: str) -> dict[str, Handler]:
    async def binary_kinds(sid: str) -> None:
        """Emit every Python spelling of binary data, nested in every container."""
        await sio.emit(
            "binary kinds",
            (
                b"bytes",
                bytearray(b"bytearray"),
                memoryview(b"memoryview"),
                b"",
                {"list": [b"in list"], "tuple": (b"in tuple", (b"deeper",))},
            ),
            to=sid,
        )

    async def emit_nan(sid: str) -> str:
        """Try to emit what JSON cannot say; answer with the error's class and text."""
        return await _refusal(sio.emit("nan", {"value": float("nan")}, to=sid))

    async def emit_reserved(sid: str, event: str) -> str:
        return await _refusal(sio.emit(event, "forged", to=sid))

    async def fail(sid: str) -> None:
        raise ValueError("this handler failed on purpose")

    async def blob(sid: str, size: int) -> None:
        await sio.emit("blob", bytes(size), to=sid)

    async def text(sid: str, size: int) -> None:
        await sio.emit("text", "x" * size, to=sid)

    async def proto(sid: str, value: Any) -> Any:
        journal(event="__proto__", server=variant, sid=sid, value=value)
        return value

    return {
        "binary kinds": binary_kinds,
        "emit nan": emit_nan,
        "emit reserved": emit_reserved,
        "fail": fail,
        "blob": blob,
        "text": text,
        "__proto__": proto,
    }


async def _refusal(emitting: Coroutine[Any, Any, None]) -> str:
    try:
        await emitting
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return "sent"


def _second_namespace(sio: Any) -> dict[str, Handler]:
    async def echo(sid: str, *args: Any) -> None:
        await sio.emit("echo", args, to=sid, namespace="/chat")

    async def bye(sid: str) -> None:
        await sio.disconnect(sid, namespace="/chat")

    return {"echo": echo, "bye": bye}


def _catch_all() -> dict[str, Handler]:
    async def anything(event: str, sid: str, *args: Any) -> list[Any]:
        return ["catch-all", event, sid, list(args)]

    return {"*": anything}


def class_methods(sio: Any, variant: str) -> dict[str, Handler]:
    """Return the methods of the class-based namespace ``/class``."""

    async def on_connect(self: Any, sid: str, environ: dict[str, Any], auth: Any) -> None:
        journal(event="connect", server=variant, namespace="/class", sid=sid, tag=None)

    async def on_disconnect(self: Any, sid: str, reason: str) -> None:
        journal(event="disconnect", server=variant, namespace="/class", sid=sid, reason=reason)

    async def on_echo(self: Any, sid: str, *args: Any) -> None:
        await sio.emit("echo", args, to=sid, namespace="/class")

    async def on_where(self: Any, sid: str) -> str:
        return str(self.namespace)

    return {
        "on_connect": on_connect,
        "on_disconnect": on_disconnect,
        "on_echo": on_echo,
        "on_where": on_where,
    }
