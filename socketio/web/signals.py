"""The signals that a server handles, when, and why; no other module of a server handles any.

Whoever ends a process sends a signal, and few web servers tell an application of it in time. So the
clients are told here, before the process does what it would have done without us.

`end_after_clients` handles SIGTERM, if nobody does and Python would end at once. It is called when
an application of WSGI is made around a server: handlers are set in the main thread alone, and that
is when it comes by, for requests are served in other threads. The process then ends by the signal.

`SignalHandlers` handles SIGINT and SIGTERM in an event loop, if the web server does, and calls the
web server's handlers afterwards; for modes that ask for it, also if nobody does. It begins with the
first request, because web servers set their handlers after they have loaded the application, and
ends with the application, or with the first signal.

Importing the package and making a server handles nothing, and nothing is handled where the main
thread does not come by. A handler of somebody else is never lost, and one that is set after ours
stays.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.process_end import finish_all

if TYPE_CHECKING:
    from .._sync.engine import Engine

_served: weakref.WeakSet[Engine] = weakref.WeakSet()
"""The engines whose clients are told before SIGTERM ends the process."""


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def end_after_clients(engine: Engine) -> None:
    """Have the clients of an engine told before SIGTERM ends the process, if nobody handles it.

    Args:
        engine: An engine that may be served by a WSGI server.
    """
    if not _in_main_thread():
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, functools.partial(_end_by_signal, os.getpid()))
    elif getattr(handler, "func", None) is not _end_by_signal:
        return
    _served.add(engine)


def _end_by_signal(process: int, number: int, frame: Any) -> None:
    """Stop all engines, then end by the signal as if nobody had handled it.

    Args:
        process: The process that the handler was made in; a child has only copies of the sessions.
        number: The signal.
        frame: What it interrupted.
    """
    engines = []
    if os.getpid() == process:
        engines = [each for each in _served if each.sessions or each.consumer.has_begun()]

    def go_on() -> None:
        if engines:
            engine = engines.pop()
            stopped: Any = engine if engines else _LastEngine(engine)
            engine.mode.stop_before(stopped, go_on)  # type: ignore[attr-defined]  # modes of WSGI have it
            return
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    go_on()


class _LastEngine:
    """The engine with which everything ends that a process has to say.

    Args:
        engine: The engine, whose mode knows where one may wait for that.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stop(self, seconds: float) -> None:
        """Stop the engine, and finish what `atexit` would have finished."""
        self._engine.stop(seconds)
        finish_all()


class SignalHandlers:
    """The handlers of SIGINT and SIGTERM in whose place ours are for a while.

    Args:
        told: Called in the main thread with a signal that has come, whose handlers are back then.
    """

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told
        self._replaced: dict[int, Any] = {}

    def replace(self, unhandled: bool) -> None:
        """Put ours in the place of those that are there now, except for signals that are ignored.

        Args:
            unhandled: Whether to handle signals as well that nobody handles.
        """
        if not _in_main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler == self._signalled or handler in (signal.SIG_IGN, None):
                continue
            if unhandled or handler not in (signal.SIG_DFL, signal.default_int_handler):
                self._replaced[number] = handler
                signal.signal(number, self._signalled)

    def put_back(self) -> None:
        """Put back the handlers that were there, unless others are there by now."""
        if not _in_main_thread():
            return
        for number, handler in self._replaced.items():
            if signal.getsignal(number) == self._signalled:
                signal.signal(number, handler)

    def pass_on(self, number: int) -> None:
        """Do what would have been done when a signal came.

        Args:
            number: The signal.
        """
        handler = self._replaced[number]
        if callable(handler):
            handler(number, None)
        else:
            signal.raise_signal(number)

    def ends_process(self, number: int) -> bool:
        """Tell whether a signal ends this process at once when it is passed on."""
        return self._replaced[number] is signal.SIG_DFL

    def _signalled(self, number: int, frame: Any) -> None:
        self.put_back()  # a second signal is not for us
        self._told(number)
