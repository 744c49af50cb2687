"""Tasks of the library are made in one place, and no task factory has a say in them."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import socketio
from socketio.runtimes.asyncio import tasks
from socketio.runtimes.asyncio.runtime import AsyncioRuntime
from socketio.testing.task_factories import choose, refusing, wrapping

PACKAGE = Path(socketio.__file__).parent
PLUGINS = PACKAGE.parent / "plugins"
MAKERS = (
    "create_task",
    "ensure_future",
    "TaskGroup",
    "eager_task_factory",
    "Task",
    "run_coroutine_threadsafe",
)
"""What makes a task when it is called as an attribute, of asyncio or of a loop."""

FACTORIES = [wrapping, refusing, *([choose("eager")] if tasks.EAGER else [])]


def sources() -> list[Path]:
    plugins = [path for path in PLUGINS.glob("*/socketio_*/**/*.py") if "tests" not in path.parts]
    core = [path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts]
    return [path for path in (*core, *plugins) if path != Path(tasks.__file__)]


def made_elsewhere(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in MAKERS:
                yield f"{path.name}:{node.lineno}: {ast.unparse(node.func)}"
            # These make a task of a coroutine, and none of a task.
            if node.func.attr in ("shield", "gather", "wait_for"):
                arguments = [
                    argument.value if isinstance(argument, ast.Starred) else argument
                    for argument in node.args
                ]
                for argument in arguments:
                    element = getattr(argument, "elt", argument)
                    called = getattr(element, "func", None)
                    if called is not None and getattr(called, "id", None) != "create_task":
                        yield f"{path.name}:{node.lineno}: {ast.unparse(node)}"


def test_tasks_are_made_in_one_place() -> None:
    assert len(sources()) > 50
    assert [place for path in sources() for place in made_elsewhere(path)] == []


@pytest.fixture
async def runtime() -> Any:
    runtime = AsyncioRuntime()
    runtime.bind()
    yield runtime
    runtime.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("factory", FACTORIES)
async def test_a_factory_changes_nothing(runtime: AsyncioRuntime, factory: Any) -> None:
    """What waits goes on, in the task that it has seen from its first line on."""
    loop = asyncio.get_running_loop()
    seen: list[Any] = []

    async def waits(word: str) -> str:
        seen.append(asyncio.current_task())
        async with asyncio.timeout(20):
            await asyncio.sleep(0.001)
        seen.append(asyncio.current_task())
        return word

    async def sends() -> str:
        await asyncio.sleep(0)
        return "sent"

    previous = loop.get_task_factory()
    loop.set_task_factory(factory)
    try:
        started = [runtime.start(waits, word) for word in "ab"]
        assert [await task for task in started if task is not None] == ["a", "b"]
        assert len(set(seen)) == 2
        stepped = runtime.step(sends())
        assert stepped is not None
        assert await stepped == "sent"
        assert await runtime.start_background_task(waits, "background") == "background"
        began = len(seen)
        own = runtime.start_own_task(waits, "own")
        assert len(seen) == began  # never before its caller knows of it
        assert await own == "own"
        assert seen[-1] is own
    finally:
        loop.set_task_factory(previous)


def test_an_older_factory_in_a_loop_that_always_gives_a_context() -> None:
    uvloop = pytest.importorskip("uvloop")
    runtime = AsyncioRuntime()

    async def waits() -> str:
        await asyncio.sleep(0.001)
        return "done"

    async def program() -> list[str]:
        asyncio.get_running_loop().set_task_factory(refusing)
        runtime.bind()
        started = runtime.start(waits)
        assert started is not None
        return [await started, await runtime.start_background_task(waits)]

    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(program()) == ["done", "done"]
    finally:
        loop.close()


class OtherLoop:
    """A loop in a thread, with a task factory."""

    def __init__(self, factory: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(factory)
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()


@pytest.mark.parametrize("factory", FACTORIES)
async def test_waiting_in_the_loop_of_another_thread(factory: Any) -> None:
    other = OtherLoop(factory)
    begun = threading.Event()
    cancelled = threading.Event()

    async def returns() -> Any:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    async def fails() -> None:
        raise LookupError("there")

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def ends() -> None:
        raise asyncio.CancelledError

    try:
        assert await tasks.wait_in_loop(other.loop, returns()) is other.loop
        with pytest.raises(LookupError, match="there"):
            await tasks.wait_in_loop(other.loop, fails())
        with pytest.raises(asyncio.CancelledError):
            await tasks.wait_in_loop(other.loop, ends())
        waiting = tasks.create_task(tasks.wait_in_loop(other.loop, waits()))
        assert await asyncio.to_thread(begun.wait, 20)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(cancelled.wait, 20)
    finally:
        other.close()


def test_factories_by_name() -> None:
    assert choose("wrapping") is wrapping
    with pytest.raises(ValueError, match="no task factory 'wraping', only wrapping, refusing"):
        choose("wraping")
