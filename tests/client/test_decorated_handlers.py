"""Handlers of clients behind decorators that inject arguments, in both flavours."""

from __future__ import annotations

import functools
import queue
from collections.abc import Callable
from typing import Any

import pytest

import socketio


def injecting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, db="db", **kwargs)

    return wrapper


def passing(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: function(*args)


def handlers(calls: queue.Queue[Any]) -> dict[str, Callable[..., Any]]:
    """Return handlers that say what they got."""

    def connect(*, db: str) -> None:
        calls.put(("connect", db))

    def connect_error(*, db: str) -> None:
        calls.put(("connect_error", db))

    def disconnect() -> None:
        calls.put(("disconnect",))

    def news(data: str, *, db: str) -> None:
        calls.put(("news", data, db))

    return {
        "connect": injecting(connect),
        "connect_error": injecting(connect_error),
        "disconnect": passing(disconnect),
        "news": injecting(news),
    }


@pytest.mark.parametrize("in_class", [False, True])
@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_decorated_handlers_run(
    flavour: str,
    in_class: bool,
    socketio_server: tuple[str, socketio.AsyncServer],
    loop_thread: Any,
) -> None:
    url, sio = socketio_server
    calls: queue.Queue[Any] = queue.Queue()

    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool:
        await sio.emit("news", "hello", to=sid)
        return bool(auth["welcome"])

    waits = flavour == "async"
    client: Any = socketio.AsyncClient() if waits else socketio.Client()
    if in_class:
        base: Any = socketio.AsyncClientNamespace if waits else socketio.ClientNamespace
        methods = {f"on_{name}": staticmethod(each) for name, each in handlers(calls).items()}
        client.register_namespace(type("Handlers", (base,), methods)("/"))
    else:
        for name, each in handlers(calls).items():
            client.on(name, each)

    def run(result: Any) -> Any:
        return loop_thread.run(result) if waits else result

    with pytest.raises(socketio.exceptions.ConnectionError):
        run(client.connect(url, auth={"welcome": False}))
    assert calls.get(timeout=20) == ("connect_error", "db")
    run(client.connect(url, auth={"welcome": True}))
    assert calls.get(timeout=20) == ("connect", "db")
    assert calls.get(timeout=20) == ("news", "hello", "db")
    run(client.disconnect())
    assert calls.get(timeout=20) == ("disconnect",)
