"""Code of applications that raises more than `Exception`: answered, logged, and without a cost.

A panic of a Rust extension, `gevent.Timeout`, `GreenletExit` and the time limits of libraries are
of this kind.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import socketio
from socketio._core.failures import failed
from socketio.runtimes.asyncio.runtime import AsyncioRuntime
from socketio.runtimes.threads.runtime import ThreadingRuntime
from socketio.testing import AsyncTestClient, TestClient
from socketio.testing.contracts.cluster import wait_for

DEADLINE = 20
MANY = 70
"""More than a runtime has slots for handlers."""


class Panic(BaseException):
    """What a Rust extension raises when it panics."""


def records(caplog: pytest.LogCaptureFixture) -> list[type[BaseException] | None]:
    """Return what each record of an error says was raised."""
    found = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return [record.exc_info[0] if record.exc_info else None for record in found]


def install(sio: Any, is_async: bool) -> dict[str, Any]:
    """Register handlers of every kind that panic, and one that works."""
    seen: dict[str, Any] = {"callbacks": 0}

    def run(function: Any) -> Any:
        """Return the function, or a coroutine function that waits before it calls it."""
        if not is_async:
            return function

        async def waits(*args: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args)

        return waits

    def panic(*args: Any) -> None:
        raise Panic("at once")

    def connect(sid: str, environ: Any, auth: Any) -> None:
        if auth == {"panic": True}:
            raise Panic("in connect")

    def disconnect(sid: str, reason: str) -> None:
        seen["disconnected"] = reason
        raise Panic("in disconnect")

    def callback(*args: Any) -> None:
        seen["callbacks"] += 1
        raise Panic("in an ack's callback")

    def ask(sid: str) -> Any:
        return sio.emit("question", to=sid, callback=run(callback))

    sio.on("connect", run(connect))
    sio.on("disconnect", run(disconnect))
    sio.on("panic", run(panic))
    sio.on("at once", panic)
    sio.on("*", run(panic))
    sio.on("echo", lambda sid, data: data)
    if is_async:

        async def ask_later(sid: str) -> None:
            await ask(sid)

        sio.on("ask", ask_later)
    else:
        sio.on("ask", ask)

    base = socketio.AsyncNamespace if is_async else socketio.Namespace
    methods = {"on_connect": lambda self, *args: None, "on_panic": panic, "on_echo": _echo}
    sio.register_namespace(type("Chat", (base,), methods)("/chat"))
    return seen


def _echo(self: Any, sid: str, data: Any) -> Any:
    return data


EVENTS = ["panic", "at once", "some other"]


@pytest.mark.parametrize("async_handlers", [True, False])
async def test_an_event_loop(async_handlers: bool, caplog: pytest.LogCaptureFixture) -> None:
    sio = socketio.AsyncServer(async_handlers=async_handlers)
    seen = install(sio, True)
    client = AsyncTestClient(sio)
    client.on("question", lambda: "answer")
    await client.connect()
    await client.connect("/chat")
    assert client.session is not None
    for _ in range(MANY):
        for event in EVENTS:
            client.emit(event)
        client.emit("panic", namespace="/chat")
        client.emit("ask")
    assert await client.call("echo", 1, timeout=DEADLINE) == [1]
    assert await client.call("echo", 2, namespace="/chat", timeout=DEADLINE) == [2]
    async with asyncio.timeout(DEADLINE):
        while seen["callbacks"] < MANY or client.session.inbox_size:
            await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError, match="Internal server error"):
        await AsyncTestClient(sio).connect(auth={"panic": True})
    client.leave()
    async with asyncio.timeout(DEADLINE):
        while "disconnected" not in seen:
            await asyncio.sleep(0)
    await sio.shutdown()
    assert records(caplog) == [Panic] * (5 * MANY + 2)


@pytest.mark.parametrize("async_handlers", [True, False])
def test_threads(async_handlers: bool, caplog: pytest.LogCaptureFixture) -> None:
    sio = socketio.Server(async_handlers=async_handlers)
    seen = install(sio, False)
    client = TestClient(sio)
    client.on("question", lambda: "answer")
    client.connect()
    client.connect("/chat")
    for _ in range(MANY):
        for event in EVENTS:
            client.emit(event)
        client.emit("panic", namespace="/chat")
        client.emit("ask")
    assert client.call("echo", 1, timeout=DEADLINE) == [1]
    assert client.call("echo", 2, namespace="/chat", timeout=DEADLINE) == [2]
    with pytest.raises(ConnectionRefusedError, match="Internal server error"):
        TestClient(sio).connect(auth={"panic": True})
    assert sio.runtime.wait_idle(DEADLINE)
    assert client.session is not None and client.session.inbox_size == 0
    assert seen["callbacks"] == MANY
    client.leave()
    sio.shutdown()
    assert sio.runtime.wait_idle(DEADLINE)
    assert seen["disconnected"] == "client disconnect"
    assert records(caplog) == [Panic] * (5 * MANY + 2)


# -- cancelling --------------------------------------------------------------------------------


async def test_what_a_handler_waits_for_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """The client is answered where it waits, the log says why, and nobody else ends."""
    sio = socketio.AsyncServer()
    given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    given_up.cancel()

    @sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        if auth == {"cancelled": True}:
            await given_up

    @sio.event
    async def waits(sid: str) -> None:
        await given_up

    @sio.event
    async def waits_long(sid: str) -> None:
        later = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(later.cancel)
        await later

    sio.on("echo", lambda sid, data: data)
    client = AsyncTestClient(sio)
    await client.connect()
    client.emit("waits")
    client.emit("waits_long")
    assert await client.call("echo", 1, timeout=DEADLINE) == [1]
    with pytest.raises(ConnectionRefusedError, match="Internal server error"):
        await AsyncTestClient(sio).connect(auth={"cancelled": True})
    async with asyncio.timeout(DEADLINE):
        while len(records(caplog)) < 3:
            await asyncio.sleep(0)
    assert records(caplog) == [asyncio.CancelledError] * 3
    await sio.shutdown()


async def test_a_handler_whose_task_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody asked for it: it is no error, and the task ends as asyncio wants it."""
    sio = socketio.AsyncServer(logger=logging.getLogger("test.server"))
    tasks: list[asyncio.Task[Any]] = []

    def note() -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)

    @sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        if auth == {"wait": True}:
            note()
            await asyncio.Event().wait()

    @sio.event
    async def waits(sid: str) -> None:
        note()
        await asyncio.Event().wait()

    client = AsyncTestClient(sio)
    await client.connect()
    client.emit("waits")
    connecting = asyncio.create_task(AsyncTestClient(sio).connect(auth={"wait": True}))
    async with asyncio.timeout(DEADLINE):
        while len(tasks) < 2:
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=DEADLINE)
    assert [task.cancelled() for task in tasks] == [True, True]
    with pytest.raises(ConnectionRefusedError, match="Internal server error"):
        await connecting
    assert records(caplog) == []
    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.exc_info[0] for record in said if record.exc_info] == (
        [asyncio.CancelledError] * 2
    )
    await sio.shutdown()


# -- what goes on ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_what_ends_a_program_goes_on_from_an_event_loop(error: type[BaseException]) -> None:
    """Out of the loop, after the client was answered."""
    answers: list[Any] = []

    async def program() -> None:
        sio = socketio.AsyncServer()

        @sio.event
        async def connect(sid: str, environ: Any, auth: Any) -> None:
            await asyncio.sleep(0)
            raise error

        try:
            await AsyncTestClient(sio).connect()
        except ConnectionRefusedError as refusal:
            answers.append(str(refusal))
            raise

    ended: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(program())
        except BaseException as raised:
            ended.append(raised)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(DEADLINE)
    assert [type(each) for each in ended] == [error]


@pytest.fixture
def runtime() -> Iterator[ThreadingRuntime]:
    runtime = ThreadingRuntime(max_running=2)
    yield runtime
    runtime.close()


@pytest.fixture
def ended_threads(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException] | None]:
    """What threads have ended with. They may do so when the test has what it waits for."""
    ended: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: ended.append(hook.exc_type))
    return ended


@pytest.mark.parametrize("kind", ["lane", "series", "core"])
@pytest.mark.parametrize("error", [Panic, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_threads_get_their_slots_back(
    runtime: ThreadingRuntime,
    ended_threads: list[type[BaseException] | None],
    kind: str,
    error: type[BaseException],
) -> None:
    def fail() -> None:
        raise error

    starters = {
        "lane": runtime.create_lane(),
        "series": runtime.create_series(),
        "core": runtime,
    }
    done = threading.Event()
    starter: Any = starters[kind]
    for _ in range(MANY):
        starter.start(fail)
    starter.start(done.set)
    assert done.wait(DEADLINE)
    assert runtime.wait_idle(DEADLINE)
    elsewhere = threading.Event()
    runtime.create_lane().start(elsewhere.set)
    assert elsewhere.wait(DEADLINE)
    told = MANY if error is KeyboardInterrupt else 0
    wait_for(lambda: ended_threads == [error] * told, "the ends of threads")


@pytest.mark.parametrize("error", [Panic, GeneratorExit])
def test_timers_go_on(runtime: ThreadingRuntime, error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    done = threading.Event()
    runtime.call_later(0, fail)
    runtime.call_later(0.001, done.set)
    assert done.wait(DEADLINE)


def test_timers_that_are_due_survive_ctrl_c(
    runtime: ThreadingRuntime, ended_threads: list[type[BaseException] | None]
) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    done = threading.Event()
    runtime.call_later(0.01, fail)
    runtime.call_later(0.02, done.set)
    assert done.wait(DEADLINE)
    wait_for(lambda: ended_threads == [KeyboardInterrupt], "the end of the timers' thread")


async def test_a_step_that_panics_is_reported() -> None:
    runtime = AsyncioRuntime()
    runtime.bind()
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def fail() -> None:
        raise Panic

    here = asyncio.current_task()
    assert [runtime.start(fail) for _ in range(3)] == [None] * 3
    assert asyncio.current_task() is here
    assert [type(context["exception"]) for context in reported] == [Panic] * 3
    runtime.close()
    await asyncio.sleep(0)


# -- one function ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_what_goes_on(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(type(error)) as raised:
        failed(error, logging.getLogger("test.failures"), "%s failed", "it")
    assert raised.value is error
    assert records(caplog) == []


@pytest.mark.parametrize("error", [Panic(), ValueError(), asyncio.CancelledError()])
def test_what_ends_here(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    failed(error, logging.getLogger("test.failures"), "%s failed", "it")
    assert records(caplog) == [type(error)]
    assert caplog.messages == ["it failed"]
