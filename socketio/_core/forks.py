"""What begins anew in a forked child: one registry for everything that a process cannot inherit.

A child has copies of its parent's objects, but not its threads, and it shares the parent's
connections: what it wrote on them would arrive in the middle of what the parent writes. Whoever
has an identity, a connection, a thread or a lock registers here, and is told in the child before
anything else runs there. The hook of the interpreter is better than comparing process ids: it also
serves what nobody calls before it is needed, such as the flag that a manager listens already, and
it costs nothing per message.

uWSGI forks its workers without a word to the interpreter, and has a hook of its own.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Callable
from importlib import import_module
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
_process = os.getpid()
"""Who has begun: a child that is told by two hooks begins anew once."""


def watch(thing: Forkable) -> None:
    """Call a thing's `after_fork` in every child from now on; it is held weakly."""
    global _registered
    if not _registered and hasattr(os, "register_at_fork"):
        _registered = True
        os.register_at_fork(after_in_child=_after_fork)
        if "uwsgi" in sys.modules:
            _register_at_uwsgi(sys.modules["uwsgi"])
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


def _register_at_uwsgi(uwsgi: Any) -> None:
    """Have uWSGI's workers told; who else wants to be goes on being told.

    Args:
        uwsgi: The module that uWSGI gives to its applications.
    """
    try:
        # Sets the only hook there is to its list of hooks when it is imported, perhaps after us.
        hooks: list[Callable[[], None]] = import_module("uwsgidecorators").postfork_chain
    except (ImportError, AttributeError):
        before: Callable[[], None] | None = getattr(uwsgi, "post_fork_hook", None)

        def tell() -> None:
            _after_fork()
            if before is not None:
                before()

        uwsgi.post_fork_hook = tell
    else:
        hooks.insert(0, _after_fork)


def _after_fork() -> None:
    global _process
    if os.getpid() == _process:
        return
    _process = os.getpid()
    for reference in list(_watched.values()):
        thing = reference()
        if thing is None:
            continue
        try:
            thing.after_fork()
        except BaseException:  # a third party's manager; the others must begin anew all the same
            logger.exception("%r does not begin anew in a forked process", type(thing).__name__)
