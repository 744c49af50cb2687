"""An orderly end for a program that waits for its client and is told to end by SIGTERM.

A handler is installed only while the main thread is in a client's `wait()`, and only if nobody else
has one; SIGINT is left alone, since Python has an answer to it. The threads of a client would just
stop when the program ends, so it is disconnected at exit.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from typing import Any

_clients: weakref.WeakSet[Any] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):
    # The connections stay the parent's: a child that ends must not disconnect them.
    os.register_at_fork(after_in_child=_clients.clear)


def disconnect_at_exit(client: Any) -> None:
    """Disconnect a client when the program ends, however that comes about.

    Ctrl-C anywhere, `sys.exit` and the end of the main thread thus run its disconnect handlers.

    Args:
        client: A client of the threaded flavour.
    """
    if not _clients:
        atexit.unregister(_disconnect_all)
        atexit.register(_disconnect_all)
    _clients.add(client)


def forget_at_exit(client: Any) -> None:
    """Take back `disconnect_at_exit`, for a client that takes its leave now.

    Args:
        client: A client of the threaded flavour.
    """
    _clients.discard(client)


def _disconnect_all() -> None:
    for client in list(_clients):
        client._leave()


class Terminated(BaseException):
    """The process was told to end. Not an `Exception`, so that nobody takes it for an error.

    Args:
        interrupt: What SIGINT has raised; None: it was SIGTERM.
    """

    def __init__(self, interrupt: KeyboardInterrupt | None = None) -> None:
        super().__init__()
        self._interrupt = interrupt

    def die(self) -> None:
        """End as if nobody had handled the signal.

        Raises:
            KeyboardInterrupt: It was SIGINT, which the program may handle.
        """
        if self._interrupt is not None:
            raise self._interrupt from None
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


def _may_handle() -> bool:
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )


@contextlib.contextmanager
def until_terminated(enabled: bool) -> Iterator[None]:
    """Raise `Terminated` in the block when SIGTERM arrives, or SIGINT has raised an exception.

    Args:
        enabled: Whether to handle SIGTERM.
    """

    def handle(number: int, frame: Any) -> None:
        # Only once: while the program takes its leave, a second signal ends it at once.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    if enabled and _may_handle():
        signal.signal(signal.SIGTERM, handle)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise Terminated(interrupt) from None
    finally:
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def async_until_terminated(enabled: bool) -> Iterator[None]:
    """Raise `Terminated` in the block of the running task when SIGTERM arrives.

    Args:
        enabled: Whether to do anything at all.
    """
    if not enabled or not _may_handle():
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # a coroutine that runs is a task's
    terminated = False

    def handle() -> None:
        nonlocal terminated
        terminated = True
        loop.remove_signal_handler(signal.SIGTERM)
        task.cancel()

    try:
        loop.add_signal_handler(signal.SIGTERM, handle)
    except (NotImplementedError, RuntimeError):  # Windows' loop, or one that runs in a thread
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if terminated and task.uncancel() == 0:
            raise Terminated from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
