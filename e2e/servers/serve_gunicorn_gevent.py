"""The behaviours in greenlets, under a worker of gunicorn: `gevent`, unless another is named."""

from __future__ import annotations

import os
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from listening import listen

WORKER = os.environ.get("SOCKETIO_E2E_WORKER", "gevent")


class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn as its command line starts it, on a socket that listens already."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        super().__init__()

    def load_config(self) -> None:
        """Set what the command line would."""
        self.cfg.set("bind", f"fd://{self._descriptor}")
        self.cfg.set("worker_class", WORKER)
        self.cfg.set("graceful_timeout", 2)
        self.cfg.set("loglevel", "warning")

    def load(self) -> Any:
        """Build the application, in the worker."""
        from wsgi_app import build

        return build()


if __name__ == "__main__":
    listener = listen()
    os.environ.pop("GUNICORN_FD", None)
    sys.argv[1:] = []
    Application(listener.fileno()).run()
