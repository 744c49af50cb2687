"""The behaviours in a Sanic application, under Sanic's own server."""

from __future__ import annotations

from typing import Any

import contexts
from behaviours import VARIANTS, register, variant_path
from listening import listen
from sanic import Request, Sanic

import socketio


def build() -> Sanic[Any, Any]:
    """Return a Sanic application that serves every variant."""
    app = Sanic("behaviours", configure_logging=False)
    app.config.ACCESS_LOG = False

    @app.on_request
    async def note(request: Request[Any, Any]) -> None:
        contexts.note(request.query_string)

    for variant, options in VARIANTS.items():
        sio = socketio.AsyncServer(**options)
        register(sio, variant)
        sio.attach(app, socketio_path=variant_path(variant))
    return app


if __name__ == "__main__":
    build().run(sock=listen(), single_process=True, motd=False)
