"""A program of a user's, checked by `make types`: what decorators and calls give is known.

It is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, assert_type

import socketio
from socketio.abc import AsyncMode, Attachment, Request, Response, Runtime, Transport
from socketio.engine import AsyncEngine
from socketio.plugins import TransportEntry, get_registry, hookimpl

sio = socketio.AsyncServer(cors_allowed_origins="*", ping_interval=25)
threaded = socketio.Server(async_handlers=False)
app = socketio.ASGIApp(sio, static_files={"/": "index.html"})
wsgi_app = socketio.WSGIApp(threaded)


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> None:
    async with sio.session(sid) as session:
        session["name"] = environ["QUERY_STRING"]


@sio.event(namespace="/chat")
async def leave(sid: str) -> bool:
    await sio.leave_room(sid, "room", namespace="/chat")
    return True


@sio.on("say", namespace="/chat")
async def say(sid: str, text: str) -> str:
    await sio.emit("said", (text, 1), room="room", skip_sid=sid, namespace="/chat")
    answer = await sio.call("ask", {"a": 1}, to=sid, timeout=3)
    sio.start_background_task(sio.sleep, 1)
    return str(answer)


def tick(sid: str) -> int:
    return len(sio.rooms(sid))


assert_type(sio.on("tick", tick), None)
assert_type(tick("x"), int)


@threaded.event
def stop(sid: str) -> float:
    threaded.disconnect(sid)
    return 1.5


assert_type(stop("x"), float)


class Chat(socketio.AsyncNamespace):
    async def on_say(self, sid: str, text: str) -> str:
        await self.emit("said", text, to=sid)
        return text


class ThreadedChat(socketio.Namespace):
    def on_say(self, sid: str, text: str) -> str:
        self.emit("said", text, to=sid)
        return text


sio.register_namespace(Chat("/other"))
threaded.register_namespace(ThreadedChat("/other"))

client = socketio.Client(reconnection=False)


@client.event
def said(text: str) -> None:
    client.emit("thanks", text, callback=print)


assert_type(said("x"), None)


@client.on("*")
def anything(event: str, *data: object) -> int:
    return len(data)


assert_type(anything("x"), int)


async def clients() -> None:
    """Use each client once."""
    asynchronous = socketio.AsyncClient()
    await asynchronous.connect("http://127.0.0.1:5000", auth={"a": 1}, transports=["websocket"])
    await asynchronous.emit("say", b"bytes")
    async with socketio.AsyncSimpleClient() as simple:
        await simple.connect("http://127.0.0.1:5000")
        event, *_ = await simple.receive(timeout=1)
        print(event)
    with socketio.SimpleClient() as blocking:
        blocking.connect("http://127.0.0.1:5000")
        print(blocking.call("say", 1), blocking.receive())


engine = AsyncEngine()


@engine.on("message")
async def message(sid: str, data: str | bytes) -> None:
    await engine.send(sid, data)


class Pigeon(Transport):
    name = "pigeon"


class Flock(AsyncMode):
    name = "flock"


class Nest(Attachment):
    mode = "flock"


def answer(request: Request) -> Response:
    return Response(200, [("Content-Type", "text/plain")], request.method.encode())


@hookimpl
def socketio_transports() -> Iterable[TransportEntry]:
    yield TransportEntry(name="pigeon", flavour="async", load_server=lambda: Pigeon)


registry = get_registry()
create_runtime: Callable[[Flock], Runtime] = Flock.create_runtime
