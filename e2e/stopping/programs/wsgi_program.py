"""A Flask application that emits while its process stops, for every WSGI server."""

from __future__ import annotations

import atexit
import contextlib
import os
from typing import Any

from flask import Flask
from telling import create_server

sio = create_server()
app = Flask(__name__)
made_in = os.getpid()


@atexit.register
def at_exit() -> None:
    """Emit when the interpreter ends."""
    if worker():
        sio.emit("stopping", "atexit")


def worker() -> bool:
    """Tell whether this process serves, and is not gunicorn's master."""
    return bool(os.environ.get("STOPPING_SERVES_HERE")) or os.getpid() == made_in


def worker_exit(server: Any, worker: Any) -> None:
    """Emit in gunicorn's hook; see `gunicorn_config.py`."""
    sio.emit("stopping", "worker_exit")


sio.attach(app)

try:
    import uwsgi
except ImportError:
    pass
else:

    def uwsgi_exit() -> None:
        """Emit when uWSGI's worker ends."""
        if uwsgi.worker_id():  # else it is the master, which calls it too
            sio.emit("stopping", "uwsgi.atexit")

    uwsgi.atexit = uwsgi_exit


if __name__ == "__main__":
    import logging

    from listening import listen
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    listener = listen()
    host, port = listener.getsockname()
    with contextlib.suppress(KeyboardInterrupt):  # how it says that it was stopped by Ctrl-C
        make_server(host, port, app, threaded=True, fd=listener.fileno()).serve_forever()
