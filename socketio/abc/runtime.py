"""The seam between the core and what runs its code: an event loop, threads or greenlets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Take the call back; harmless when it has happened."""


class Waiter(ABC):
    """A value that one side will set and the other waits for, once.

    `wait` is a coroutine method in the asyncio flavour and blocks in the others.
    """

    @abstractmethod
    def set(self, value: Any) -> None:
        """Give the value; later calls change nothing. Safe from any thread."""

    @abstractmethod
    def fail(self, error: BaseException) -> None:
        """Make `wait` raise an error; later calls change nothing. Safe from any thread."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> Any:
        """Return the value.

        Args:
            timeout: Seconds, or None to wait for ever.

        Raises:
            TimeoutError: The builtin one: nothing came in time.
        """


class Pending(Protocol):
    """A function that was started and has not ended."""

    def add_done_callback(self, function: Callable[[Any], object], /) -> object:
        """Call a function, with this object, when it has ended; at once if it has already."""


class Series(Protocol):
    """Runs functions of the core for one client, in order."""

    def start(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function when its turn comes; see `Runtime.start`."""

    def start_reserved(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function when its turn comes, in a slot that is reserved; see `Runtime.start`.

        For connect and disconnect handlers: their turn comes even if all handlers that began
        before them hang and take every other slot.
        """


class Runtime(ABC):
    """What runs handlers, timers and background tasks."""

    def bind(self) -> Any:  # noqa: B027  # for runtimes that have a place
        """Belong to the event loop that runs here, if loops are what it runs things in."""

    @abstractmethod
    def start(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function of the core beside its caller.

        Calls made one after another begin in that order. The function (a coroutine function in
        the asyncio flavour) deals with its own exceptions; what escapes is reported as a bug.

        Returns:
            None when it has run to its end already, else a `Pending` that can be joined or awaited.
        """

    def start_reserved(self, function: Callable[..., Any], *args: Any) -> Any:
        """Do what `Series.start_reserved` says."""
        return self.start(function, *args)

    def running_for(self) -> Any:
        """Return for what the function runs that calls this, if `start` has started it.

        Returns:
            The function's first argument; None in everything that it has started beside itself.
        """
        return None

    def set_workers(self, count: int) -> None:  # noqa: B027  # for runtimes that have workers
        """Let so many handlers run at once; nothing where one thread runs them all."""

    def create_lane(self) -> Series:
        """Return something like `start` for one client: its functions begin in order.

        Functions may overlap where they wait. In an event loop the runtime itself does that.
        """
        return self

    def create_ack_lane(self) -> Series:
        """Return what `create_lane` does, for callbacks of acks.

        They go on when every handler waits for them, and those of one client that hang hold up no
        other client's.
        """
        return self

    @abstractmethod
    def create_series(self) -> Series:
        """Return something like `start` that runs its functions one after another.

        A function of the series must not wait for one that was started after it.
        """

    @abstractmethod
    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function of the application until it ends by itself.

        Returns:
            An `asyncio.Task`, or an object with the methods of `threading.Thread`.
        """

    def start_own_task(self, target: Callable[..., Any], *args: Any) -> Any:
        """Run a function of the core until it ends by itself.

        As `start_background_task`, and nothing that the application has installed for its own
        tasks (a task factory of its event loop) has a say in it.
        """
        return self.start_background_task(target, *args)

    @abstractmethod
    def sleep(self, seconds: float = 0) -> Any:
        """Wait, and let others run (a coroutine in the asyncio flavour)."""

    @abstractmethod
    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a function that does not wait, `delay` seconds from now."""

    @abstractmethod
    def now(self) -> float:
        """Return the seconds of a clock that never goes back."""

    @abstractmethod
    def create_waiter(self) -> Waiter:
        """Return a new `Waiter`."""

    @abstractmethod
    def create_lock(self) -> AbstractContextManager[Any]:
        """Return what `with` takes so that no other thread is in such a block meanwhile."""

    @abstractmethod
    def create_event(self, *args: Any, **kwargs: Any) -> Any:
        """Return an event with `set`, `clear`, `is_set` and `wait`."""

    @abstractmethod
    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """Return a queue with `put`, `get` and `task_done`."""
