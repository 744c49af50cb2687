"""An asyncio Socket.IO server as its user writes it, run by ours and by python-socketio alike.

The same file serves both: which library `import socketio` finds depends on the virtual environment.
"""

import argparse
import json
import socket
from typing import Any

import socketio


def register(sio: Any) -> None:
    """Registers the events that the load generator knows.

    Args:
        sio: An `AsyncServer` of either library.
    """

    @sio.event
    async def echo(sid: str, data: Any) -> None:
        await sio.emit("echo", data, to=sid)

    @sio.event
    async def broadcast(sid: str, data: Any) -> None:
        await sio.emit("news", data)

    @sio.event
    async def burst(sid: str, count: int, data: Any) -> None:
        for _ in range(count):
            await sio.emit("news", data)

    @sio.event
    async def join(sid: str, room: str) -> None:
        await sio.enter_room(sid, room)
        await sio.emit("joined", room, to=sid)

    @sio.event
    async def room(sid: str, name: str, data: Any) -> None:
        await sio.emit("news", data, to=name)

    @sio.event
    async def calls(sid: str) -> None:
        while True:
            await sio.call("question", "ready?", to=sid)


def manager(url: str | None) -> Any:
    """Returns the client manager for a broker URL, or None for the one in memory.

    Args:
        url: `redis://…`, `amqp://…` or None.
    """
    if url is None:
        return None
    if url.startswith("amqp"):
        return socketio.AsyncAioPikaManager(url)
    return socketio.AsyncRedisManager(url)


def serve_uvicorn(sio: Any, listener: socket.socket, loop: str) -> None:
    """Serves under uvicorn until the process is ended.

    Args:
        sio: The server.
        listener: A listening socket.
        loop: `asyncio` or `uvloop`.
    """
    import uvicorn

    application = socketio.ASGIApp(sio)
    # no log lines of the web server: they would be measured in every connection
    config = uvicorn.Config(application, loop=loop, access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def serve_aiohttp(sio: Any, listener: socket.socket, loop: str) -> None:
    """Serves under aiohttp until the process is ended.

    Args:
        sio: The server.
        listener: A listening socket.
        loop: `asyncio` or `uvloop`.
    """
    import asyncio

    from aiohttp import web

    application = web.Application()
    sio.attach(application)
    if loop == "uvloop":
        import uvloop

        event_loop = uvloop.new_event_loop()
    else:
        event_loop = asyncio.new_event_loop()
    web.run_app(application, sock=listener, access_log=None, print=None, loop=event_loop)


def main() -> None:
    """Parses the command line and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=["uvicorn", "aiohttp"])
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--manager")
    parser.add_argument("--stdlib-json", action="store_true")
    arguments = parser.parse_args()
    listener = socket.socket(fileno=arguments.fd)
    mode = {"uvicorn": "asgi", "aiohttp": "aiohttp"}[arguments.framework]
    options = {"json": json} if arguments.stdlib_json else {}
    sio = socketio.AsyncServer(
        async_mode=mode, client_manager=manager(arguments.manager), **options
    )
    register(sio)
    serve = {"uvicorn": serve_uvicorn, "aiohttp": serve_aiohttp}[arguments.framework]
    serve(sio, listener, arguments.loop)


if __name__ == "__main__":
    main()
