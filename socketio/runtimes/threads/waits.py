"""Values and events that one thread sets and another waits for, so that others run meanwhile."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ...abc.runtime import Waiter
from .primitives import Primitives
from .scheduler import Scheduler, current


def waiting() -> AbstractContextManager[None]:
    """Return what `with` takes around a wait in a thread that may be of a runtime, or of none."""
    scheduler = current.scheduler
    return nullcontext() if scheduler is None else scheduler.waiting()


class ThreadWaiter(Waiter):
    """A value that one thread sets and another waits for.

    Args:
        scheduler: Lets others run meanwhile.
        primitives: What threads are made of.
    """

    __slots__ = ("_error", "_gate", "_open", "_scheduler", "_value")

    def __init__(self, scheduler: Scheduler, primitives: Primitives) -> None:
        self._scheduler = scheduler
        self._gate = primitives.create_lock()
        self._gate.acquire()
        # One of several who want to set the value can take this.
        self._open = [True]
        self._value: Any = None
        self._error: BaseException | None = None

    def set(self, value: Any) -> None:
        """Give the value; later calls change nothing. Safe from any thread."""
        if self._claim():
            self._value = value
            self._gate.release()

    def fail(self, error: BaseException) -> None:
        """Make `wait` raise an error; later calls change nothing. Safe from any thread."""
        if self._claim():
            self._error = error
            self._gate.release()

    def _claim(self) -> bool:
        try:
            return self._open.pop()
        except IndexError:
            return False

    def wait(self, timeout: float | None = None) -> Any:
        """Return the value; see `Waiter.wait`."""
        if not self._gate.acquire(False):
            with self._scheduler.waiting():
                if timeout is None:
                    self._gate.acquire()
                elif not self._gate.acquire(True, max(timeout, 0)):
                    raise TimeoutError(f"nothing came in {timeout} s")
        self._gate.release()
        if self._error is not None:
            raise self._error
        return self._value


class ThreadEvent:
    """An event like `threading.Event`.

    Args:
        scheduler: Lets others run while a handler waits for it.
        event: The event of the primitives.
    """

    def __init__(self, scheduler: Scheduler, event: Any) -> None:
        self._scheduler = scheduler
        self._event = event
        self.set = event.set
        self.clear = event.clear
        self.is_set = event.is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set; return whether it is."""
        if self._event.is_set():
            return True
        with self._scheduler.waiting():
            return bool(self._event.wait(timeout))
