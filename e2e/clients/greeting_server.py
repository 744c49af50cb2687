"""A python-socketio server that greets, for an environment that has this package and aiohttp.

Usage: python greeting_server.py [--port N]. Prints {"port": N}, then a journal of JSON lines.
"""

import asyncio
import json
import sys

from aiohttp import web

import socketio

sio = socketio.AsyncServer(async_mode="aiohttp")


def write(**entry):
    print(json.dumps(entry), flush=True)


async def greet(sid, namespace):
    await sio.emit("number", 1, to=sid, namespace=namespace)
    await sio.emit("binary", ({"deep": [b"\x00\xff"]}, b""), to=sid, namespace=namespace)
    await sio.emit("number", 2, namespace=namespace)

    async def answered(*values):
        write(event="answered", namespace=namespace, values=[repr(value) for value in values])

    await sio.emit("question", "how?", to=sid, namespace=namespace, callback=answered)


@sio.event
async def connect(sid, environ, auth):
    await greet(sid, "/")
    if auth and auth.get("refuse"):
        raise socketio.exceptions.ConnectionRefusedError("not welcome")


@sio.on("connect", namespace="/chat")
async def connect_chat(sid, environ, auth):
    await greet(sid, "/chat")


@sio.on("echo", namespace="*")
async def echo(namespace, sid, *values):
    return values


@sio.on("echo")
async def echo_default(sid, *values):
    return values


async def main():
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else 0
    await web.TCPSite(runner, "127.0.0.1", port).start()
    write(port=runner.addresses[0][1], version=socketio.__file__)
    await asyncio.Event().wait()


asyncio.run(main())
