"""What begins anew in a forked child: one registry for everything that a process cannot inherit.

A child has copies of its parent's objects, but not its threads, and it shares the parent's
connections: what it wrote on them would arrive in the middle of what the parent writes. Whoever
has an identity, a connection, a thread or a lock registers here, and is told in the child before
anything else runs there. The hook of the interpreter is better than comparing process ids: it also
serves what nobody calls before it is needed, such as the flag that a manager listens already, and
it costs nothing per message.
"""

from __future__ import annotations

import logging
import os
import weakref
from typing import Any, Protocol

logger = logging.getLogger("socketio")


class Forkable(Protocol):
    """What has something that a child must not inherit."""

    def after_fork(self) -> None:
        """Begin anew; called in the child, in the only thread there is, and must not wait.

        Locks may be held by threads that do not exist here: they are replaced, not acquired.
        """


_watched: dict[int, weakref.ref[Any]] = {}
_kept: list[Any] = []
_registered = False


def watch(thing: Forkable) -> None:
    """Call a thing's `after_fork` in every child from now on; it is held weakly."""
    global _registered
    if not _registered and hasattr(os, "register_at_fork"):
        _registered = True
        os.register_at_fork(after_in_child=_after_fork)
    key = id(thing)

    def forget(reference: Any) -> None:
        if _watched.get(key) is reference:
            del _watched[key]

    _watched[key] = weakref.ref(thing, forget)


def keep(thing: object) -> None:
    """Keep what belongs to the parent for as long as the child lives.

    Nothing of it may be closed or collected here: a client library's finalizer would say goodbye
    on a connection that the parent is using.
    """
    _kept.append(thing)


def _after_fork() -> None:
    for reference in list(_watched.values()):
        thing = reference()
        if thing is None:
            continue
        try:
            thing.after_fork()
        except BaseException:  # a third party's manager; the others must begin anew all the same
            logger.exception("%r does not begin anew in a forked process", type(thing).__name__)
