"""The behaviours in an aiohttp application."""

from __future__ import annotations

import contexts
from aiohttp import web
from aiohttp.typedefs import Handler
from behaviours import VARIANTS, register, variant_path
from listening import listen

import socketio


@web.middleware
async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note the request before its handler runs."""
    contexts.note(request.query_string)
    return await handler(request)


def build() -> web.Application:
    """Return an aiohttp application that serves every variant."""
    app = web.Application(middlewares=[note])
    for variant, options in VARIANTS.items():
        sio = socketio.AsyncServer(**options)
        register(sio, variant)
        sio.attach(app, socketio_path=variant_path(variant))
    return app


if __name__ == "__main__":
    web.run_app(build(), sock=listen(), print=None)
