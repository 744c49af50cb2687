"""A program with one client, to be ended by signals.

Usage: ``client_program.py FLAVOUR URL WHERE [no]``.

``WHERE`` says where its main thread is when the signal comes, see ``PLACES``; the journal says
``there`` when it is. With ``no``, the client is made with ``handle_sigint=False``. The disconnect
handler takes a moment before it reports, so that one which is not left to end is noticed.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import socketio

PLACES = {
    "wait": "in wait()",
    "sleep": "in something else",
    "receive": "in a simple client's receive()",
    "reconnect": "in wait(), while the client waits before it reconnects",
    "attempt": "in wait(), while the client makes an attempt to reconnect",
    "handler": "in wait(), while a handler runs for ever",
    "handshake": "in connect(), and the server does not answer",
    "connect": "in connect(), after the connect handler of one of two namespaces has run",
    "connect handler": "in connect(), while the connect handler runs for ever",
    "call": "in call(), for an answer that never comes",
    "stuck": "in wait(), and the disconnect handler never ends",
}
MOMENT = 0.05
"""Seconds that the disconnect handler takes."""


def say(**entry: object) -> None:
    print(str(entry).replace("'", '"'), flush=True)


def there() -> None:
    say(event="there")


async def done(result: Any) -> Any:
    """Return what a method of either flavour does."""
    return await result if inspect.isawaitable(result) else result


def run_through(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits, since all that it calls blocks."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("something of the synchronous flavour is to be awaited")


def deaf_server() -> str:
    """Start a server that accepts connections and never answers; the journal tells of the first."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            there()
            threading.Event().wait()

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def receive(flavour: str, url: str) -> None:
    """Wait in a simple client."""
    simple: Any = socketio.SimpleClient() if flavour == "sync" else socketio.AsyncSimpleClient()
    try:
        await done(simple.connect(url))
        say(port=0)
        there()
        await done(simple.receive())
    finally:
        await done(simple.disconnect())


async def main(flavour: str, url: str, where: str, handle_sigint: bool) -> None:
    """Do what is interrupted."""
    make: Any = socketio.Client if flavour == "sync" else socketio.AsyncClient
    sio = make(
        reconnection_delay=0.01 if where == "attempt" else 30,
        request_timeout=60,
        handle_sigint=handle_sigint,
    )

    def register(event: str, function: Callable[..., Any], namespace: str) -> None:
        @functools.wraps(function)
        def blocking(*args: Any) -> Any:
            return run_through(function(*args))

        sio.on(event, function if flavour == "async" else blocking, namespace)

    async def forever() -> None:
        there()
        while True:
            await done(sio.sleep(1))

    async def on_connect() -> None:
        say(event="connect")
        if where == "connect":
            there()
        if where == "connect handler":
            await forever()

    async def on_disconnect(reason: str) -> None:
        await done(sio.sleep(60 if where == "stuck" else MOMENT))
        say(event="disconnect", reason=reason)
        if where == "reconnect":
            there()

    async def on_number(value: int) -> None:
        if where == "handler":
            await forever()

    for namespace in ("/", "/chat"):
        register("connect", on_connect, namespace)
        register("disconnect", on_disconnect, namespace)
        register("number", on_number, namespace)

    say(port=0)
    address = deaf_server() if where == "handshake" else url
    if where == "connect":
        # The JavaScript server accepts the second namespace at once and the first much later.
        more: Any = {"namespaces": ["/", "/chat"], "auth": {"delay": 60_000}}
    else:
        more = {"namespaces": ["/"]}
    await done(sio.connect(lambda: address, wait_timeout=60, **more))
    if where == "attempt":
        address = deaf_server()
    if where in ("reconnect", "attempt"):
        await done(sio.emit("close engine"))
    elif where == "handler":
        await done(sio.emit("burst", 1))
    else:
        there()
    if where == "call":
        await done(sio.call("silence"))
    if where == "sleep":
        await done(sio.sleep(60))
    await done(sio.wait())


if __name__ == "__main__":
    flavour, url, where = sys.argv[1:4]
    if where == "receive":
        program = receive(flavour, url)
    else:
        program = main(flavour, url, where, sys.argv[4:] != ["no"])
    if flavour == "sync":
        run_through(program)
    else:
        asyncio.run(program)
