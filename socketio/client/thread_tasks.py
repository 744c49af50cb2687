"""The threads of an Engine.IO client, and what they wait for.

`asyncio_tasks` has the same names for an event loop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, TypeAlias

from ..runtimes.threads.runtime import ThreadingRuntime
from ..runtimes.threads.waits import waiting
from .termination import disconnect_at_exit, forget_at_exit

Task: TypeAlias = threading.Thread

_NOTHING = nullcontext()

Cancelled: Final[tuple[type[BaseException], ...]] = ()
"""What a task raises that has been taken back: no thread can be."""


def start(function: Callable[..., None], *args: Any) -> Task:
    """Run a function beside the caller, or now if the program is ending and starts no threads."""
    name = f"socketio-client{function.__name__}"
    thread = threading.Thread(target=function, args=args, daemon=True, name=name)
    try:
        thread.start()
    except RuntimeError:
        function(*args)
    return thread


def begin(function: Callable[..., None], *args: Any) -> None:
    """Run a function, which waits little."""
    function(*args)


def at_most(count: int) -> int | None:
    """Return how many packets who sends writes, and of others; the rest is left to a thread."""
    return count + 16


def breathe() -> None:
    """Let others have a turn; threads have theirs in any case."""


def join(task: Task | None, timeout: float | None = None) -> None:
    """Wait until a thread has ended, unless it is the one that calls or never began.

    Args:
        task: The thread.
        timeout: Seconds to wait at most.
    """
    if task is not None and task.ident is not None and task is not threading.current_thread():
        with waiting():
            task.join(timeout)


def stop(task: Task, timeout: float) -> bool:
    """Wait until a thread has ended, unless it is the one that calls.

    Args:
        task: The thread.
        timeout: Seconds that it gets: it cannot be taken back, only what it waits for can.

    Returns:
        Whether it has ended, or calls.
    """
    join(task, timeout)
    return not task.is_alive() or task is threading.current_thread()


def break_off(task: Task, close: Callable[[], None]) -> None:
    """End a thread that connects, and do not wait for that.

    Args:
        task: The thread.
        close: Takes away what it waits for.
    """
    close()


def interrupt(task: Task | None) -> None:
    """Leave a thread to end by itself: what it waits for has been taken away."""


def run(function: Callable[..., None], cancelled: Callable[..., None], *args: Any) -> None:
    """Run a function to its end; no thread is cancelled."""
    function(*args)


def finish(function: Callable[..., None], *args: Any) -> None:
    """Run a function to its end."""
    function(*args)


def closed(engine: Any) -> None:
    """Do nothing: a thread closes what it had open, and the program may go on meanwhile."""


def within(seconds: float, function: Callable[..., None], *args: Any) -> bool:
    """Run a function whose steps have their own limits; return whether it ended."""
    function(*args)
    return True


def rest(runtime: ThreadingRuntime) -> ThreadingRuntime:
    """Let go of what a runtime keeps at hand, and return one for the next connection."""
    runtime.close()
    return ThreadingRuntime()


class Turn:
    """Whose turn it is to write, of all who would."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take the turn if nobody has it; return whether that is so."""
        return self._lock.acquire(blocking=False)

    def give(self) -> None:
        """Give it back."""
        self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Take the turn when it is free, within a number of seconds; return whether it was."""
        return self._lock.acquire(timeout=seconds)


class Crowd:
    """Who waits until something has changed."""

    __slots__ = ("_changed", "_count")

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._count = 0

    @property
    def waiting(self) -> bool:
        """Whether anybody does."""
        return self._count > 0

    def wait_until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until a condition holds, which is looked at whenever `wake` is called.

        Args:
            condition: The condition; it takes no locks.
            seconds: How long to wait at most.

        Returns:
            Whether it holds.
        """
        with waiting(), self._changed:
            # First counted, then looked at: `wake` is called after the change, and either sees
            # this or comes before the look.
            self._count += 1
            try:
                return bool(self._changed.wait_for(condition, seconds))
            finally:
                self._count -= 1

    def wake(self) -> None:
        """Have all of them look at their conditions."""
        if self._count:
            with self._changed:
                self._changed.notify_all()


class SilenceTimer:
    """Stands for the timer of the event loop: in threads the sockets' timeouts notice silence."""

    def __init__(self, seconds: float, function: Callable[..., None], *args: Any) -> None:
        pass

    def restart(self, seconds: float | None = None) -> None:
        """Begin anew: something was heard."""

    def stop(self) -> None:
        """Stop listening for it."""


class LastHandlers:
    """What a client does so that its disconnect handlers run even if the program ends.

    Its threads would just stop then, so it is disconnected when the interpreter exits.

    Args:
        client: The client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def begin(self) -> None:
        """Begin with a connection."""
        disconnect_at_exit(self._client)

    def leave(self) -> None:
        """Begin to disconnect because the program ends."""
        forget_at_exit(self._client)

    def one(self) -> AbstractContextManager[None]:
        """Note nothing in the block: whoever waits for a handler's end does so at its lane."""
        return _NOTHING

    def cut_off(self, seconds: float) -> None:
        """Leave those that still run: a thread cannot be taken back."""


class Home:
    """Where a connection may be used: the process that opened it."""

    __slots__ = ("_process",)

    def __init__(self) -> None:
        self._process = os.getpid()

    @property
    def left(self) -> bool:
        """Whether this is a child of the process, made by fork."""
        return os.getpid() != self._process

    def check(self) -> None:
        """Refuse the use anywhere else.

        Raises:
            RuntimeError: This is a child process.
        """
        if self.left:
            raise RuntimeError(
                "this client was connected before the process forked, and the connection stays "
                "the parent's; make a client in the child"
            )
