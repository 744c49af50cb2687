"""The behaviours in threads, under Werkzeug's server."""

from __future__ import annotations

import logging

from listening import listen
from werkzeug.serving import make_server
from wsgi_app import build

if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = build(async_mode="threading")
    listener = listen()
    host, port = listener.getsockname()
    server = make_server(host, port, app, threaded=True, fd=listener.fileno())
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass  # how it is stopped
