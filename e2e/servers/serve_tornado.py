"""The behaviours in a Tornado application."""

from __future__ import annotations

import asyncio
from typing import Any

import contexts
from behaviours import VARIANTS, register, variant_path
from listening import listen
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest

import socketio


class Application(web.Application):
    """An application that notes each request before its handler runs."""

    def find_handler(self, request: HTTPServerRequest, **arguments: Any) -> Any:
        """Note the request and route it."""
        contexts.note(request.query)
        return super().find_handler(request, **arguments)


def build() -> web.Application:
    """Return a Tornado application that serves every variant."""
    app = Application()
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
