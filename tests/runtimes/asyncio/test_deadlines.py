from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio.runtimes.asyncio.deadlines import MAX_KEPT, Deadlines
from socketio.runtimes.asyncio.runtime import AsyncioRuntime


class CountingLoop:
    """The running loop, whose timers are counted."""

    def __init__(self) -> None:
        self.timers: list[asyncio.TimerHandle] = []
        self.time = asyncio.get_running_loop().time

    def call_later(self, seconds: float, *call: Any) -> asyncio.TimerHandle:
        self.timers.append(asyncio.get_running_loop().call_later(seconds, *call))
        return self.timers[-1]

    def call_at(self, when: float, *call: Any) -> asyncio.TimerHandle:
        return self.call_later(when - self.time(), *call)

    @property
    def pending(self) -> list[asyncio.TimerHandle]:
        return [timer for timer in self.timers if not timer.cancelled()]


def future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def test_waits_of_one_length_share_a_timer() -> None:
    loop: Any = CountingLoop()
    deadlines = Deadlines(loop)
    waits = [future() for _ in range(100)]
    for wait in waits:
        deadlines.add(wait, 60)
    assert (len(deadlines), len(loop.timers)) == (100, 1)
    for wait in waits:
        deadlines.discard(wait, 60)
    deadlines.add(future(), 60)
    assert (len(deadlines), len(loop.timers)) == (1, 1)


async def test_each_wait_ends_at_its_own_deadline() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    ended: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        waiting = future()
        deadlines.add(waiting, seconds)
        with pytest.raises(TimeoutError):
            await waiting
        ended.append(name)

    tasks = [asyncio.create_task(wait("first", 0.05)), asyncio.create_task(wait("long", 0.2))]
    await asyncio.sleep(0.02)
    tasks.append(asyncio.create_task(wait("second", 0.05)))
    done = future()
    deadlines.add(done, 0.05)
    done.set_result(None)  # before its deadline, and not taken back
    await asyncio.gather(*tasks)
    assert ended == ["first", "second", "long"]
    assert len(deadlines) == 0


async def test_lengths_that_nobody_waits_for_are_bounded() -> None:
    loop: Any = CountingLoop()
    deadlines = Deadlines(loop)
    for number in range(10 * MAX_KEPT):
        waiting = future()
        deadlines.add(waiting, 60 + number)
        deadlines.discard(waiting, 60 + number)
    assert len(loop.pending) <= MAX_KEPT


async def test_a_wait_in_another_loop_has_its_own_deadlines() -> None:
    runtime = AsyncioRuntime()
    runtime.bind()

    async def wait() -> None:
        with pytest.raises(TimeoutError):
            await runtime.create_waiter().wait(0.01)

    await asyncio.to_thread(asyncio.run, wait())
    assert runtime.loop is asyncio.get_running_loop()
