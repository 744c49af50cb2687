"""The behaviours in threads, under Werkzeug's server."""

from __future__ import annotations

import logging

from listening import listen
from werkzeug.serving import make_server
from wsgi_app import build

from socketio.runtimes import threading_runtime

if __name__ == "__main__":
    # Tests see from inside the handlers in which order they start. On a machine that is busy with
    # other programs a thread may stand still long enough to be taken for one that waits, and the
    # next handler begins.
    threading_runtime.LOOKS = 200
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = build(async_mode="threading")
    listener = listen()
    host, port = listener.getsockname()
    server = make_server(host, port, app, threaded=True, fd=listener.fileno())
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass  # how it is stopped
