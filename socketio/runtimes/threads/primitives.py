"""What one kind of threads is made of: real ones, or the greenlets of gevent and eventlet."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .standstill import ThreadClock, create_thread_clock


class Lock(Protocol):
    """A lock that one thread may acquire and another release."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; `timeout` is only given together with `blocking=True`."""

    def release(self) -> None:
        """Give the lock back."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *exception: Any) -> Any: ...


def _no_clock() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Primitives:
    """The building blocks of one kind of threads."""

    spawn: Callable[[Callable[[], None], str], Any]
    """Run a function in a new thread of a name; the thread does not keep the process alive."""
    create_thread: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
    """Return a started thread with the methods of `threading.Thread`, for an application."""
    create_lock: Callable[[], Lock]
    """Return a lock that any thread may release."""
    create_reentrant_lock: Callable[[], Any]
    """Return a lock that its holder may acquire again; used by `with` only."""
    create_event: Callable[..., Any]
    """Return an event with `set`, `clear`, `is_set` and `wait`."""
    create_queue: Callable[..., Any]
    """Return a queue with `put`, `get` and `task_done`."""
    sleep: Callable[[float], Any]
    """Wait for a number of seconds."""
    local: type
    """The base class of objects whose attributes each thread has for itself."""
    socket_loop: bool = False
    """Whether one thread may wait for all sockets. Greenlets have a loop of their own below: each
    reads its own socket, and one that does not run is sure to wait for something."""
    create_clock: Callable[[], ThreadClock | None] = _no_clock
    """Return what tells whether the calling thread stands still; None if nothing does."""
    idle_seconds: float = -1
    """How long a thread without work is kept; -1 for ever, where it costs less than a clock."""


def _spawn(function: Callable[[], None], name: str) -> None:
    threading.Thread(target=function, name=name, daemon=True).start()


def _create_thread(
    target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, kwargs=kwargs, daemon=True)
    thread.start()
    return thread


THREADS = Primitives(
    spawn=_spawn,
    create_thread=_create_thread,
    create_lock=threading.Lock,
    create_reentrant_lock=threading.RLock,
    create_event=threading.Event,
    create_queue=queue.Queue,
    sleep=time.sleep,
    local=threading.local,
    socket_loop=True,
    create_clock=create_thread_clock,
    idle_seconds=10,
)
"""Real threads."""
