"""The ASGI application under test, for every ASGI server.

Each variant of the behaviours is one ``AsyncServer`` on its own path of one application.
"""

from __future__ import annotations

import os
from typing import Any

import contexts
from behaviours import VARIANTS, register, variant_path

import socketio

MODE = {"SOCKETIO_E2E_ASYNC_MODE": "async_mode"}


def build() -> Any:
    """Return an ASGI application that serves every variant."""
    app: Any = None
    # Ours needs no mode; a peer that takes whatever is installed is told by the tests.
    mode = {name: os.environ[key] for key, name in MODE.items() if key in os.environ}
    for variant, options in VARIANTS.items():
        sio = socketio.AsyncServer(**mode, **options)
        register(sio, variant)
        app = socketio.ASGIApp(sio, app, socketio_path=variant_path(variant))
    return contexts.asgi(app)
