"""A server that counts what happens to it: nothing may be left, and nothing come twice.

`python server.py` serves it with aiohttp; `gunicorn server:app` serves the threaded flavour. Both
answer `GET /stats` with the counts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import threading
from typing import Any

import socketio
from socketio.engine.session import Session

OPTIONS: dict[str, Any] = {"ping_interval": 2, "ping_timeout": 4, "connect_timeout": 4}
TICK = 0.05
"""Seconds between two broadcasts."""


class Counts(logging.Handler):
    """What has happened so far; safe from any thread."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._lock = threading.Lock()
        self.numbers = dict.fromkeys(
            ("connected", "disconnected", "handled", "twice", "late", "errors", "ticks"), 0
        )
        self.last_error = ""

    def add(self, what: str) -> int:
        """Count something; returns how often it has happened."""
        with self._lock:
            self.numbers[what] += 1
            return self.numbers[what]

    def emit(self, record: logging.LogRecord) -> None:
        """Count an error in the log."""
        self.add("errors")
        self.last_error = self.format(record)[-2000:]

    def work(self, state: dict[str, Any], number: Any) -> Any:
        """Count a client's message, whose numbers go up one by one; a fuzzer sends others."""
        if type(number) is not int:
            return None
        self.add("handled")
        if number <= state["last"]:
            self.add("twice")
        elif number != state["last"] + 1:
            self.add("late")
        state["last"] = number
        return number

    def stats(self, sio: Any) -> bytes:
        """Return everything as JSON."""
        gc.collect()
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
        tasks = 0
        if sio.is_asyncio_based():
            tasks = len(asyncio.all_tasks())
        facts = {
            **self.numbers,
            "error": self.last_error,
            "sessions": len(sio.eio.sessions) + len(sio.eio._lingering) + len(sio._ended),
            "kept": sum(isinstance(each, Session) for each in gc.get_objects()),
            "clients": sum(len(list(sio.manager.get_participants(n, None))) for n in ("/", "/b")),
            "rooms": sum(len(rooms) for rooms in sio.manager.rooms.values()),
            "threads": threading.active_count(),
            "tasks": tasks,
            "files": len(os.listdir("/proc/self/fd")),
            "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        }
        return json.dumps(facts).encode()


counts = Counts()
for name in ("socketio", "engineio", "socketio.server", "engineio.server", "asyncio"):
    logging.getLogger(name).addHandler(counts)


def asynchronous() -> socketio.AsyncServer:
    """Return the server of the asyncio flavour."""
    sio = socketio.AsyncServer(namespaces=["/", "/b"], **OPTIONS)

    @sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any, auth: Any) -> None:
        counts.add("connected")
        await sio.save_session(sid, {"last": 0}, namespace)

    @sio.on("disconnect", namespace="*")
    async def disconnect(namespace: str, sid: str, reason: str) -> None:
        counts.add("disconnected")

    @sio.on("work", namespace="*")
    async def work(
        namespace: str, sid: str, number: Any = None, payload: Any = None, *_: Any
    ) -> Any:
        state = await sio.get_session(sid, namespace)
        return counts.work(state, number), payload

    @sio.on("room", namespace="*")
    async def room(namespace: str, sid: str, name: Any = None, *_: Any) -> None:
        if not isinstance(name, str):
            return
        await sio.enter_room(sid, name, namespace)
        await sio.emit("news", name, to=name, namespace=namespace)
        await asyncio.sleep(0.01)
        await sio.leave_room(sid, name, namespace)

    return sio


def threaded() -> socketio.Server:
    """Return the server of the threaded flavour."""
    sio = socketio.Server(namespaces=["/", "/b"], **OPTIONS)

    @sio.on("connect", namespace="*")
    def connect(namespace: str, sid: str, environ: Any, auth: Any) -> None:
        counts.add("connected")
        sio.save_session(sid, {"last": 0}, namespace)

    @sio.on("disconnect", namespace="*")
    def disconnect(namespace: str, sid: str, reason: str) -> None:
        counts.add("disconnected")

    @sio.on("work", namespace="*")
    def work(namespace: str, sid: str, number: Any = None, payload: Any = None, *_: Any) -> Any:
        return counts.work(sio.get_session(sid, namespace), number), payload

    @sio.on("room", namespace="*")
    def room(namespace: str, sid: str, name: Any = None, *_: Any) -> None:
        if not isinstance(name, str):
            return
        sio.enter_room(sid, name, namespace)
        sio.emit("news", name, to=name, namespace=namespace)
        sio.sleep(0.01)
        sio.leave_room(sid, name, namespace)

    return sio


def wsgi() -> Any:
    """Return the WSGI application, whose broadcasts begin with the first request."""
    sio = threaded()
    begin = threading.Lock()

    def tick() -> None:
        while True:
            sio.emit("tick", counts.add("ticks"))
            sio.sleep(TICK)

    def other(environ: Any, start_response: Any) -> list[bytes]:
        if begin.acquire(blocking=False):
            threading.Thread(target=tick, daemon=True).start()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [counts.stats(sio)]

    return socketio.WSGIApp(sio, other)


def serve_aiohttp() -> None:
    """Serve with aiohttp, and print the port."""
    from aiohttp import web

    sio = asynchronous()
    app = web.Application()
    sio.attach(app)

    async def stats(request: web.Request) -> web.Response:
        return web.Response(body=counts.stats(sio), content_type="application/json")

    app.router.add_get("/stats", stats)

    async def tick() -> None:
        while True:
            await sio.emit("tick", counts.add("ticks"))
            await asyncio.sleep(TICK)

    async def main() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(json.dumps({"port": site._server.sockets[0].getsockname()[1]}), flush=True)
        await tick()

    asyncio.run(main())


if __name__ == "__main__":
    serve_aiohttp()
elif "gunicorn" in sys.modules:
    app = wsgi()
