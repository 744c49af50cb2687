"""What is finished last when a process ends: connections over which its last words go.

An application emits until its last line has run: in handlers of `atexit`, in a web server's hook
for the end of a worker, in a disconnect handler. So connections to brokers are finished after all
of these: by `atexit`, whose functions run in the reverse order of their registration, so that ours,
registered when this module is imported, comes after those of whoever uses it; and before a process
ends by a signal that nobody else handles, which runs no `atexit`.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from typing import Any, Protocol

from . import forks

logger = logging.getLogger("socketio")

EXIT_SECONDS = 3.0
"""Seconds that a process may take to publish what waits when it ends."""


class Finishable(Protocol):
    """What has something to finish before its process ends."""

    def finish(self) -> None:
        """Publish what waits and close, within `EXIT_SECONDS`; harmless when it is closed."""


class _Open:
    """What has to be finished in this process."""

    def __init__(self) -> None:
        self.after_fork()

    def after_fork(self) -> None:
        """Leave all of it to the parent, whose connections they are; see `forks`."""
        # Whoever is collected may be so while this very thread holds the lock.
        self.lock = threading.RLock()
        self.things: dict[int, weakref.ref[Any]] = {}


_open = _Open()
forks.watch(_open)


def finish_at_end(thing: Finishable) -> None:
    """Finish a thing before the process ends, unless it is gone by then; it is held weakly."""
    with _open.lock:
        _open.things[id(thing)] = weakref.ref(thing)


def is_finished(thing: Finishable) -> None:
    """Note that nothing of a thing is left to be finished."""
    with _open.lock:
        _open.things.pop(id(thing), None)


def finish_all() -> None:
    """Finish everything, the newest first; what one raises is logged."""
    while True:
        with _open.lock:
            if not _open.things:
                return
            _, reference = _open.things.popitem()
        thing = reference()
        if thing is None:
            continue
        try:
            thing.finish()
        except Exception:  # a third party's driver; the others have last words too
            logger.exception("%r has not ended well", type(thing).__name__)


atexit.register(finish_all)
