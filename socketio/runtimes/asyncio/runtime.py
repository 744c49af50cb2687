"""The asyncio runtime: handlers are stepped in place and become tasks only if they wait.

It knows coroutines, tasks and timers, and nothing of what they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import time
from asyncio import tasks
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from ..._core.failures import GOES_ON
from ...abc.runtime import Pending, Runtime, Timer, Waiter
from .deadlines import Deadlines
from .tasks import EAGER, HANDLER_TASK, create_background_task, create_task, start_eagerly

_copy_context = contextvars.copy_context

if not EAGER:
    _enter_task, _leave_task = tasks._enter_task, tasks._leave_task
    # There `current_task` is a slow function over this table.
    _current_task: Callable[[Any], Any] = tasks._current_tasks.get  # type: ignore[attr-defined]  # unknown to typeshed

TURN = 0.002
"""Seconds for which the functions of one series run one after another before others have a turn."""

_NO_LOCK = contextlib.nullcontext()
_ENDED = (StopIteration, asyncio.CancelledError)


class Suspended(Coroutine[Any, Any, Any]):
    """Goes on, as the coroutine of a task, with one whose first step was done elsewhere.

    Args:
        coroutine: The coroutine.
        context: Where its steps run.
        yielded: What it waits for.
    """

    __slots__ = ("_context", "_coroutine", "_yielded")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context, yielded: Any
    ) -> None:
        self._coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self._context: contextvars.Context | None = context
        self._yielded: tuple[Any] | None = (yielded,)

    @property
    def carried(self) -> Coroutine[Any, Any, Any] | None:
        """The coroutine with which it goes on, or whose first step it does."""
        return self._coroutine

    def send(self, value: Any) -> Any:
        """Do the task's next step."""
        assert self._coroutine is not None and self._context is not None
        if self._yielded is not None:
            (yielded,), self._yielded = self._yielded, None
            return yielded
        return self._context.run(self._coroutine.send, value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        """Do the task's next step with an error, such as being cancelled."""
        if self._coroutine is None or self._context is None:
            raise error  # the loop is closing, and nothing was ever carried
        if self._yielded is not None:
            # Cancelled before it went on: the coroutine never waits for what it has yielded.
            (yielded,), self._yielded = self._yielded, None
            if yielded is not None:
                yielded._asyncio_future_blocking = False
        return self._context.run(self._coroutine.throw, error)

    def close(self) -> None:
        """Give the coroutine up."""
        if self._coroutine is not None:
            self._coroutine.close()

    def __await__(self) -> Any:
        raise RuntimeError("this is only for a task of its own")


class _Carrier(Suspended):
    """The coroutine of a task that is ready to take over one whose first step has suspended.

    The first step already runs with this task as the current one, so whatever the coroutine
    remembers of its task (timeouts, task groups, cancel scopes) stays true afterwards. Only where
    asyncio has no eager tasks.
    """

    __slots__ = ("_gate", "stepped", "task")

    stepped: Coroutine[Any, Any, Any] | None
    """The coroutine whose first step it does, or has done last."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._gate: asyncio.Future[None] = loop.create_future()
        self._coroutine = self._context = self._yielded = self.stepped = None
        self.task: asyncio.Task[Any] = create_task(self, loop=loop, name=HANDLER_TASK)

    @property
    def carried(self) -> Coroutine[Any, Any, Any] | None:
        """The coroutine with which it goes on, or whose first step it does."""
        return self._coroutine or self.stepped

    def take_over(
        self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context, yielded: Any
    ) -> None:
        """Go on with a coroutine that waits for what it has yielded."""
        super().__init__(coroutine, context, yielded)
        if not self._gate.done():  # the first step may have cancelled its own task
            self._gate.set_result(None)

    def send(self, value: Any) -> Any:
        """Do the task's next step."""
        if self._coroutine is None:
            # What `await` does: the task wakes up when the gate is done.
            self._gate._asyncio_future_blocking = True
            return self._gate
        return super().send(value)


class AsyncioWaiter(Waiter):
    """A future that any thread may complete.

    Args:
        loop: The running loop.
        deadlines: The time limits of that loop's waits.
    """

    __slots__ = ("_deadlines", "_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines) -> None:
        self._loop = loop
        self._deadlines = deadlines
        self._future: asyncio.Future[Any] = loop.create_future()

    def set(self, value: Any) -> None:
        """Give the value; later calls change nothing. Safe from any thread."""
        self._call(_set_result, value)

    def fail(self, error: BaseException) -> None:
        """Make `wait` raise an error; later calls change nothing. Safe from any thread."""
        self._call(_set_exception, error)

    def _call(self, function: Callable[..., None], value: Any) -> None:
        if _running_loop() is self._loop:
            function(self._future, value)
        else:
            self._loop.call_soon_threadsafe(function, self._future, value)

    async def wait(self, timeout: float | None = None) -> Any:
        """Return the value; see `Waiter.wait`."""
        if timeout is None:
            return await self._future
        self._deadlines.add(self._future, timeout)
        try:
            return await self._future
        finally:
            self._deadlines.discard(self._future, timeout)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _set_result(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _set_exception(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _report(
    loop: asyncio.AbstractEventLoop, function: Callable[..., Any], error: BaseException
) -> None:
    """Report a bug: the task in whose step this happens must not die of another's."""
    loop.call_exception_handler({"message": f"unhandled error in {function!r}", "exception": error})


class _Queued:
    """A coroutine function that waits for its turn in a series."""

    __slots__ = ("args", "callbacks", "function")

    def __init__(
        self, function: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...]
    ) -> None:
        self.function = function
        self.args = args
        self.callbacks: list[Callable[[Any], object]] = []

    def add_done_callback(self, function: Callable[[Any], object], /) -> None:
        """Call a function when this one has ended; see `Pending`."""
        self.callbacks.append(function)

    def done(self, _: object = None) -> None:
        """Note that it has ended."""
        for callback in self.callbacks:
            callback(self)


class AsyncioSeries:
    """Runs coroutine functions one after another; see `Series`."""

    __slots__ = ("_running", "_runtime", "_waiting")

    def __init__(self, runtime: AsyncioRuntime) -> None:
        self._runtime = runtime
        self._running = False
        self._waiting: deque[_Queued] = deque()

    def start(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> Pending | None:
        """Run a coroutine function when those before it have ended; see `Runtime.start`."""
        if self._running:
            turn = _Queued(function, args)
            self._waiting.append(turn)
            return turn
        self._running = True
        try:
            task = self._runtime.start(function, *args)
        except BaseException:
            self._go_on()
            raise
        if task is None:
            self._go_on()
        else:
            task.add_done_callback(self._go_on)
        return task

    def start_reserved(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> Pending | None:
        """Run a coroutine function in its turn: here nothing that hangs holds it up."""
        return self.start(function, *args)

    def _go_on(self, _: object = None) -> None:
        turn_ends = time.monotonic() + TURN
        while self._waiting:
            turn = self._waiting.popleft()
            task = self._runtime.start(turn.function, *turn.args)
            if task is not None:
                task.add_done_callback(turn.done)
                task.add_done_callback(self._go_on)
                return
            turn.done()
            if self._waiting and time.monotonic() > turn_ends:
                self._runtime.bind().call_soon(self._go_on)
                return
        self._running = False


class AsyncioRuntime(Runtime):
    """Runs everything in the event loop that is running when it is first needed."""

    def __init__(self) -> None:
        self._idle: list[_Carrier] = []
        self._background: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadlines: Deadlines

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop in which the first handler or timer ran, or None before that."""
        return self._loop

    def bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop from now on, and return it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # A server that outlives its loop (tests do that) starts anew in the next one.
            self._loop = loop
            self._deadlines = Deadlines(loop)
            self._idle.clear()
        return loop

    def start(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> asyncio.Task[Any] | None:
        """Step a coroutine in place; it becomes a task only if it suspends.

        Returns:
            None when it has ended already, else the task that goes on with it.

        Raises:
            KeyboardInterrupt: The first step raised it.
            SystemExit: The first step raised it.
        """
        task = start_eagerly(function(*args), loop=self._loop or self.bind())
        if not task.done():
            return task
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                _report(task.get_loop(), function, error)
        return None

    def _start_in_carrier(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> asyncio.Task[Any] | None:
        """Do what `start` does, where asyncio has no eager tasks."""
        loop = self._loop or self.bind()
        carrier = self._idle.pop() if self._idle else _Carrier(loop)
        coroutine = carrier.stepped = function(*args)
        context = _copy_context()
        task = carrier.task
        previous = _current_task(loop)
        if previous is not None:
            _leave_task(loop, previous)
        _enter_task(loop, task)
        try:
            yielded = context.run(coroutine.send, None)
        except _ENDED:
            if not task.cancelling():  # else the next handler would be cancelled by this one
                self._idle.append(carrier)
            return None
        except BaseException as error:
            task.cancel()  # nobody keeps the carrier, whose task would wait for ever
            if isinstance(error, GOES_ON):
                raise
            _report(loop, function, error)
            return None
        finally:
            _leave_task(loop, task)
            if previous is not None:
                _enter_task(loop, previous)
        carrier.take_over(coroutine, context, yielded)
        return task

    if not EAGER:
        start = _start_in_carrier

    def running_for(self) -> Any:
        """Return the first argument of the function whose task is the current one, or None.

        Asked seldom, so nothing is noted for it when a function begins: the coroutine knows.
        """
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return None  # no loop runs here
        if task is None or task.get_name() != HANDLER_TASK:
            return None
        coroutine: Any = task.get_coro()
        if isinstance(coroutine, Suspended):
            coroutine = coroutine.carried
        if not inspect.iscoroutine(coroutine):
            return None
        names = coroutine.cr_code.co_varnames[: coroutine.cr_code.co_argcount]
        known = inspect.getcoroutinelocals(coroutine)
        # The core gives bound methods, whose own first argument is no argument of the call.
        return known.get(names[1]) if names[:1] == ("self",) and len(names) > 1 else None

    def step(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any] | None:
        """Step a coroutine in place, in the caller's task and context.

        Faster than `start`, and only for coroutines that keep nothing of the task in which they
        begin: if they suspend, another one goes on.

        Returns:
            None when it has ended already, else the task that goes on with it.

        Raises:
            Exception: What the coroutine raised in its first step.
        """
        try:
            yielded = coroutine.send(None)
        except StopIteration:
            return None
        rest = Suspended(coroutine, _copy_context(), yielded)
        return create_task(rest, loop=self._loop or self.bind(), name=HANDLER_TASK)

    def create_series(self) -> AsyncioSeries:
        """Return something like `start` that runs its functions one after another."""
        return AsyncioSeries(self)

    def start_background_task(
        self, target: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Run a coroutine function as a task, which is kept from being collected.

        Raises:
            TypeError: The target is no coroutine function.
            RuntimeError: There is no event loop yet.
        """
        if inspect.iscoroutine(target):
            target.close()
            raise TypeError(
                "start_background_task() calls the function itself: write "
                "start_background_task(function, argument) without calling it before"
            )
        coroutine = target(*args, **kwargs)
        if not inspect.isawaitable(coroutine):
            raise TypeError(f"a background task must be a coroutine function, not {target!r}")
        try:
            asyncio.get_running_loop()
        except RuntimeError as error:
            if inspect.iscoroutine(coroutine):
                coroutine.close()
            raise RuntimeError(
                "there is no event loop for a background task yet: start it in a coroutine, such "
                f"as a handler or ASGIApp's on_startup= ({error})"
            ) from error
        return self._keep(create_background_task(coroutine))

    def start_own_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> asyncio.Task[Any]:
        """Run a coroutine function of the core as a task; see `Runtime.start_own_task`."""
        return self._keep(create_task(target(*args)))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """Keep a task from being collected, and return it."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def sleep(self, seconds: float = 0) -> None:
        """Wait for a number of seconds; 0 lets other tasks run once."""
        await asyncio.sleep(seconds)

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a function `delay` seconds from now, in the loop."""
        return self.bind().call_later(delay, function, *args)

    def now(self) -> float:
        """Return the loop's time in seconds."""
        return self.bind().time()

    def create_waiter(self) -> AsyncioWaiter:
        """Return a waiter of the running loop."""
        loop = asyncio.get_running_loop()
        # An application may wait in another loop than the server's.
        own = loop is self._loop
        return AsyncioWaiter(loop, self._deadlines if own else Deadlines(loop))

    def create_lock(self) -> contextlib.AbstractContextManager[Any]:
        """Return a lock that does nothing: an event loop is one thread."""
        return _NO_LOCK

    def create_event(self, *args: Any, **kwargs: Any) -> asyncio.Event:
        """Return an `asyncio.Event`."""
        return asyncio.Event(*args, **kwargs)

    def create_queue(self, *args: Any, **kwargs: Any) -> asyncio.Queue[Any]:
        """Return an `asyncio.Queue`."""
        return asyncio.Queue(*args, **kwargs)

    def close(self) -> None:
        """End the idle carriers; running handlers go on."""
        while self._idle:
            self._idle.pop().task.cancel()
