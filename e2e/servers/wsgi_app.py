"""The WSGI application under test, for every threaded server.

Each variant of the behaviours is one ``Server`` on its own path of one application.
"""

from __future__ import annotations

from typing import Any

import contexts
from behaviours import VARIANTS, register, variant_path

import socketio


def build(**options: Any) -> Any:
    """Return a WSGI application that serves every variant.

    Args:
        **options: options for all of the servers, such as the async mode.
    """
    app: Any = None
    for variant, own in VARIANTS.items():
        sio = socketio.Server(**own, **options)
        register(sio, variant)
        app = socketio.WSGIApp(sio, app, socketio_path=variant_path(variant))
    return contexts.wsgi(app)
