"""A Tornado application that emits while it stops."""

from __future__ import annotations

import asyncio
import signal
import sys

from listening import listen
from telling import create_async_server
from tornado import web
from tornado.httpserver import HTTPServer

sio = create_async_server()


async def main(handles: bool) -> None:
    server = HTTPServer(sio.attach(web.Application()))
    end = asyncio.Event()
    if handles:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end.set)
    listener = listen()
    listener.setblocking(False)
    server.add_socket(listener)
    try:
        await end.wait()
    finally:
        await sio.emit("stopping", "finally")
        await sio.shutdown()
        await sio.emit("stopping", "after shutdown")


if __name__ == "__main__":
    handles = "--handles" in sys.argv
    if handles:
        sys.argv.remove("--handles")
    try:
        asyncio.run(main(handles))
    except KeyboardInterrupt:
        pass  # how it is stopped
