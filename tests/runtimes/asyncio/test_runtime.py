"""The asyncio runtime: steps in place, tasks only for what waits, and nothing mixed up."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import Any

import pytest

from socketio.runtimes.asyncio.runtime import AsyncioRuntime

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
async def runtime() -> Any:
    runtime = AsyncioRuntime()
    runtime.bind()
    yield runtime
    runtime.close()
    await asyncio.sleep(0)


async def test_what_does_not_wait_makes_no_task(runtime: AsyncioRuntime) -> None:
    log: list[int] = []

    async def quick(number: int) -> None:
        log.append(number)

    await asyncio.sleep(0)
    runtime.start(quick, 0)
    before = asyncio.all_tasks()
    assert [runtime.start(quick, number) for number in range(1, 100)] == [None] * 99
    assert asyncio.all_tasks() == before
    assert log == list(range(100))


async def test_what_waits_goes_on_in_the_task_that_it_began_in(runtime: AsyncioRuntime) -> None:
    seen: list[Any] = []

    async def slow() -> str:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        await asyncio.sleep(0.001)
        seen.append(asyncio.current_task())
        return "done"

    here = asyncio.current_task()
    task = runtime.start(slow)
    assert asyncio.current_task() is here
    assert task is not None and task is not here
    assert await task == "done"
    assert seen == [task] * 3


async def test_steps_may_nest(runtime: AsyncioRuntime) -> None:
    seen: list[Any] = []

    async def inner() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)

    async def outer() -> None:
        mine = asyncio.current_task()
        task = runtime.start(inner)
        assert asyncio.current_task() is mine
        assert task is not None
        await task
        seen.append(mine)

    task = runtime.start(outer)
    assert task is not None
    await task
    assert len(set(seen)) == 2


async def test_each_start_has_a_context_of_its_own(runtime: AsyncioRuntime) -> None:
    seen: list[str] = []

    async def sets(value: str, wait: bool) -> None:
        seen.append(variable.get())
        variable.set(value)
        if wait:
            await asyncio.sleep(0)
        seen.append(variable.get())

    variable.set("caller")
    runtime.start(sets, "one", False)
    task = runtime.start(sets, "two", True)
    assert task is not None
    await task
    assert seen == ["caller", "one", "caller", "two"]
    assert variable.get() == "caller"


async def test_timeouts_and_task_groups_are_the_handlers_own(runtime: AsyncioRuntime) -> None:
    results: list[str] = []

    async def times_out() -> None:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            results.append("timeout")

    async def groups() -> None:
        async def fails() -> None:
            raise LookupError("x")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                await asyncio.Event().wait()
        except* LookupError:
            results.append("group")

    await asyncio.gather(
        *(task for task in (runtime.start(times_out), runtime.start(groups)) if task)
    )
    assert sorted(results) == ["group", "timeout"]


@pytest.mark.parametrize("when", ["before it goes on", "while it waits", "by itself"])
async def test_cancelling(runtime: AsyncioRuntime, when: str) -> None:
    log: list[str] = []

    async def waits() -> None:
        if when == "by itself":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    task = runtime.start(waits)
    assert task is not None
    if when == "while it waits":
        await asyncio.sleep(0.001)
    if when != "by itself":
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cancelled"]
    assert runtime.start(asyncio.sleep, 0) is not None


@pytest.mark.parametrize("started", [False, True])
async def test_a_cancelled_task_is_not_used_again(runtime: AsyncioRuntime, started: bool) -> None:
    log: list[str] = []

    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def waits() -> None:
        await asyncio.sleep(0)
        log.append("done")

    if started:
        runtime.start(asyncio.sleep, 0)
        await asyncio.sleep(0)
    runtime.start(cancels_itself)
    task = runtime.start(waits)
    assert task is not None
    await task
    assert log == ["done"]


async def test_a_bug_is_reported_and_goes_no_further(runtime: AsyncioRuntime) -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(type(context.get("exception")))
    )

    async def fails() -> None:
        raise LookupError("a bug")

    assert runtime.start(fails) is None
    await asyncio.sleep(0)
    gc.collect()  # nothing may be left that waits
    assert reported == [LookupError]


async def test_a_series_runs_one_after_another(runtime: AsyncioRuntime) -> None:
    log: list[str] = []
    series = runtime.create_series()
    done = asyncio.Event()

    def ended(name: str) -> None:
        log.append(f"ended {name}")
        if name == "d":
            done.set()

    async def work(name: str, wait: bool) -> None:
        log.append(f"start {name}")
        if wait:
            await asyncio.sleep(0)
        log.append(f"end {name}")

    for name, wait in (("a", False), ("b", True), ("c", False), ("d", True)):
        pending = series.start(work, name, wait)
        assert (pending is None) == (name == "a")
        if pending is not None:
            pending.add_done_callback(lambda _, name=name: ended(name))
    async with asyncio.timeout(5):
        await done.wait()
    order = [f"{step} {name}" for name in "abcd" for step in ("start", "end")]
    assert [entry for entry in log if "ended" not in entry] == order
    assert log.count("ended b") == log.count("ended c") == log.count("ended d") == 1
    assert all(log.index(f"end {name}") < log.index(f"ended {name}") for name in "bcd")


async def test_step_raises_and_suspends(runtime: AsyncioRuntime) -> None:
    async def fails() -> None:
        raise OSError("gone")

    async def slow() -> str:
        await asyncio.sleep(0)
        return "done"

    with pytest.raises(OSError, match="gone"):
        runtime.step(fails())
    task = runtime.step(slow())
    assert task is not None
    assert await task == "done"


async def test_waiters(runtime: AsyncioRuntime) -> None:
    waiter = runtime.create_waiter()
    with pytest.raises(TimeoutError):
        await waiter.wait(0.001)
    waiter = runtime.create_waiter()
    await asyncio.to_thread(waiter.set, 1)
    waiter.fail(LookupError())
    assert await waiter.wait(5) == 1
    waiter = runtime.create_waiter()
    waiter.fail(LookupError("no"))
    with pytest.raises(LookupError):
        await waiter.wait()


def test_a_runtime_outlives_its_loop() -> None:
    runtime = AsyncioRuntime()

    async def once() -> int:
        runtime.bind()
        log: list[int] = []

        async def slow() -> None:
            await asyncio.sleep(0)
            log.append(1)

        task = runtime.start(slow)
        assert task is not None
        await task
        runtime.start(slow)
        return len(log)

    assert [asyncio.run(once()) for _ in range(2)] == [1, 1]


async def test_a_background_task_must_be_a_coroutine(runtime: AsyncioRuntime) -> None:
    async def work(value: int) -> int:
        await runtime.sleep(0)
        return value

    assert await runtime.start_background_task(work, 3) == 3
    with pytest.raises(TypeError, match="coroutine function"):
        runtime.start_background_task(lambda: 3)
