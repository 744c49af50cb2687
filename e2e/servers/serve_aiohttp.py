"""The behaviours in an aiohttp application."""

from __future__ import annotations

from aiohttp import web
from behaviours import VARIANTS, register, variant_path
from listening import listen

import socketio


def build() -> web.Application:
    """Return an aiohttp application that serves every variant."""
    app = web.Application()
    for variant, options in VARIANTS.items():
        sio = socketio.AsyncServer(**options)
        register(sio, variant)
        sio.attach(app, socketio_path=variant_path(variant))
    return app


if __name__ == "__main__":
    web.run_app(build(), sock=listen(), print=None)
