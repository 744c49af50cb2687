"""A program with one client, to be ended by signals: ``client_program.py FLAVOUR URL WHERE``.

``WHERE`` says where its main thread is when the signal comes: ``wait`` (in ``wait()``), ``sleep``
(in something else), ``receive`` (in a simple client), ``reconnect`` (in ``wait()``, while the
client reconnects) or ``handler`` (in ``wait()``, while a handler runs for ever).
"""

from __future__ import annotations

import asyncio
import sys
import time

import socketio

flavour, url, where = sys.argv[1:4]


def say(**entry: object) -> None:
    print(str(entry).replace("'", '"'), flush=True)


def sync_main() -> None:
    if where == "receive":
        with socketio.SimpleClient() as simple:
            simple.connect(url)
            say(port=0)
            simple.receive()
    sio = socketio.Client(reconnection_delay=30)

    @sio.event
    def disconnect(reason: str) -> None:
        say(event="disconnect", reason=reason)

    @sio.event
    def number(value: int) -> None:
        say(event="number")
        while where == "handler":
            time.sleep(1)

    sio.connect(url)
    say(port=0)
    if where == "reconnect":
        sio.emit("close engine")
    if where == "handler":
        sio.emit("burst", 1)
    if where == "sleep":
        while True:
            time.sleep(60)
    sio.wait()


async def async_main() -> None:
    if where == "receive":
        async with socketio.AsyncSimpleClient() as simple:
            await simple.connect(url)
            say(port=0)
            await simple.receive()
    sio = socketio.AsyncClient(reconnection_delay=30)

    @sio.event
    async def disconnect(reason: str) -> None:
        say(event="disconnect", reason=reason)

    @sio.event
    async def number(value: int) -> None:
        say(event="number")
        while where == "handler":
            await asyncio.sleep(1)

    await sio.connect(url)
    say(port=0)
    if where == "reconnect":
        await sio.emit("close engine")
    if where == "handler":
        await sio.emit("burst", 1)
    if where == "sleep":
        while True:
            await asyncio.sleep(60)
    await sio.wait()


if flavour == "sync":
    sync_main()
else:
    asyncio.run(async_main())
