"""The behaviours in a Tornado application."""

from __future__ import annotations

import asyncio

from behaviours import VARIANTS, register, variant_path
from listening import listen
from tornado import web
from tornado.httpserver import HTTPServer

import socketio


def build() -> web.Application:
    """Return a Tornado application that serves every variant."""
    app = web.Application()
    for variant, options in VARIANTS.items():
        sio = socketio.AsyncServer(**options)
        register(sio, variant)
        sio.attach(app, socketio_path=variant_path(variant))
    return app


async def main() -> None:
    """Serve until the process is told to end."""
    server = HTTPServer(build())
    listener = listen()
    listener.setblocking(False)
    server.add_socket(listener)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass  # how a program ends that is told to by Ctrl-C
