"""Closing the clients in time when a WSGI server stops.

WSGI tells an application nothing of its end, and a server that stops waits for its threads, which
websockets and long polls hold. So what can be seen is watched:

* the end of the main thread, which is how Werkzeug's server ends with Ctrl-C;
* the state of gunicorn's worker, whose method handles SIGTERM, and of waitress's dispatcher, which
  is found in the call stack of a request.

SIGTERM that nobody handles is dealt with in `signals`.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.process_end import EXIT_SECONDS, finish_all

if TYPE_CHECKING:
    from .._sync.engine import Engine

logger = logging.getLogger("engineio.server")

STOP_SECONDS = 0.8
"""How long the process may take to close its clients."""

STOP_TICK = 0.1
"""Seconds between two looks at the server's state."""


class ServerStop:
    """Stops an engine when its web server stops.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = weakref.ref(engine)
        self._process = os.getpid()
        self._first = threading.Lock()
        self._done = threading.Event()
        # Before other threads are waited for, as `concurrent.futures` does it; `atexit` is later.
        register = getattr(threading, "_register_atexit", atexit.register)
        try:
            register(self.stop)
        except RuntimeError as error:
            logger.debug("the process is ending already: %r", error)

    def watch_server(self) -> None:
        """Find the web server in the call stack of the request that is served now."""
        stops = find_server()
        if stops is not None:
            self.watch(stops)

    def _look(self, stops: Callable[[], bool]) -> None:
        engine = self._engine()
        if engine is None or engine.stopping:
            return
        if stops():
            self.stop()
        else:
            engine.runtime.call_later(STOP_TICK, self._look, stops)

    def watch(self, stops: Callable[[], bool]) -> None:
        """Stop the engine when a function says that the web server stops.

        Args:
            stops: Asked every `STOP_TICK` seconds; does not wait.
        """
        self._look(stops)

    def stop(self) -> None:
        """Close all clients and let their disconnect handlers run, within `STOP_SECONDS`."""
        engine = self._engine()
        # A child process has copies of the sessions, but the clients are not its own.
        if engine is None or os.getpid() != self._process:
            return
        if not self._first.acquire(False):
            # Another thread is at it; the process must not end before it has done that.
            self._done.wait(STOP_SECONDS)
            return
        engine.stop(STOP_SECONDS)
        self._done.set()

    def finish(self) -> None:
        """Finish what `atexit` finishes elsewhere, behind a web server's last hook."""
        if os.getpid() == self._process:
            finish_all()


def stop_in_thread(engine: Engine, then: Callable[[], None]) -> None:
    """Stop an engine of real threads from a signal handler, and call a function afterwards."""
    # In a thread: the signal may have interrupted anything in this one, locks held.
    thread = threading.Thread(target=engine.stop, args=(STOP_SECONDS - STOP_TICK,), daemon=True)
    thread.start()
    thread.join(STOP_SECONDS + EXIT_SECONDS)
    then()


def find_server() -> Callable[[], bool] | None:
    """Return a function that tells whether the web server of this thread stops, if it can be told.

    Servers that are known: gunicorn's workers and waitress.
    """
    return find_gunicorn() or find_waitress()


def find_gunicorn() -> Callable[[], bool] | None:
    """Return a function that tells whether this process, a worker of gunicorn, stops."""
    handler = signal.getsignal(signal.SIGTERM)
    if getattr(handler, "__module__", "").startswith("gunicorn.workers."):
        worker: Any = getattr(handler, "__self__", None)
        if hasattr(worker, "alive"):
            return lambda: not worker.alive
    return None


def find_waitress() -> Callable[[], bool] | None:
    """Return a function that tells whether the waitress that runs this thread stops."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "waitress.task":
            dispatcher: Any = frame.f_locals.get("self")
            if hasattr(dispatcher, "stop_count"):
                return lambda: bool(dispatcher.stop_count > 0)
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None
