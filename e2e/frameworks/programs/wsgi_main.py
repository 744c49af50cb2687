"""The behaviours as a WSGI application, for servers that are given a module's name."""

import os

from wsgi_app import build

MODE = os.environ.get("SOCKETIO_E2E_SYNC_MODE")
"""An async mode to ask for; without it, the mode follows from the server."""

app = build(**({"async_mode": MODE} if MODE else {}))
