"""Fixtures and rules for every test in the tree: core, plugins, examples, e2e.

A test that needs something which is not on the machine says so through the `need` fixture and is
skipped with the command that brings it. The environment variable `SOCKETIO_REQUIRE` turns that
into a failure:

- `SOCKETIO_REQUIRE=all`: no test may be skipped, for whatever reason;
- `SOCKETIO_REQUIRE=node,redis`: these two must be there, others may be missing.

`SOCKETIO_TASK_FACTORY=wrapping` (or `refusing`, or `eager` from Python 3.12 on) gives every event
loop of the tests such a task factory; see `socketio.testing.task_factories`.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

import hypothesis
import pytest

P = ParamSpec("P")
T = TypeVar("T")

REQUIRE_VARIABLE = "SOCKETIO_REQUIRE"
FACTORY_VARIABLE = "SOCKETIO_TASK_FACTORY"

hypothesis.settings.register_profile(
    "no clock",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# A machine that is busy is no counterexample. The rest stays as Hypothesis has it: the same
# examples each time in the continuous integration, new ones elsewhere.
hypothesis.settings.load_profile("no clock")


def pytest_configure() -> None:
    """Have Ctrl-C work in the programs under test, wherever the tests were started.

    A shell has what it starts in the background ignore SIGINT, and every program below it does the
    same.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.version_info < (3, 12):
        vars(ast)["parse"] = _without_collection(ast.parse)
    if os.environ.get(FACTORY_VARIABLE):
        _install_task_factory(os.environ[FACTORY_VARIABLE])


def _install_task_factory(name: str) -> None:
    """Give every event loop that is made from now on a task factory, as error trackers do."""
    from socketio.testing.task_factories import choose

    factory = choose(name)
    begin = asyncio.BaseEventLoop.__init__

    def begin_with_factory(loop: asyncio.BaseEventLoop) -> None:
        begin(loop)
        loop.set_task_factory(factory)

    vars_of_class: Any = asyncio.BaseEventLoop
    vars_of_class.__init__ = begin_with_factory


def _without_collection(parse: Callable[P, T]) -> Callable[P, T]:
    """Keep the garbage collector out of `ast.parse`, which pytest and `traceback` call too.

    Until CPython 3.12 a collection in it that runs a finalizer which itself formats a traceback
    breaks the parser with a SystemError.
    """

    @functools.wraps(parse)
    def parse_undisturbed(*args: P.args, **options: P.kwargs) -> T:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return parse(*args, **options)
        finally:
            if collecting:
                gc.enable()

    return parse_undisturbed


def _required() -> frozenset[str]:
    names = os.environ.get(REQUIRE_VARIABLE, "").split(",")
    return frozenset(name.strip().lower() for name in names if name.strip())


class Need(Protocol):
    """What the `need` fixture gives a test."""

    def __call__(self, name: str, present: T | None, how_to_get: str) -> T:
        """Return `present`, or skip the test when it is falsy.

        Args:
            name: short name of the thing, as listed in `SOCKETIO_REQUIRE` (`node`, `redis`).
            present: proof that it is there: a path, a version, `True`.
            how_to_get: the command that brings it, shown to whoever reads the skip.
        """
        ...


@pytest.fixture(scope="session")
def need() -> Need:
    """Skip, or fail under `SOCKETIO_REQUIRE`, a test whose server or tool is missing.

    Example:
        node = need("node", shutil.which("node"), "apt-get install nodejs npm")
    """

    def check(name: str, present: T | None, how_to_get: str) -> T:
        if present:
            return present
        reason = f"{name} is missing; bring it with: {how_to_get}"
        if _required() & {"all", name.lower()}:
            pytest.fail(f"{REQUIRE_VARIABLE} asks for it, but {reason}", pytrace=False)
        pytest.skip(reason)

    return check


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port for a server that must be told one; the system gives it to nobody else meanwhile."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "tools")
    from brokers.process import free_port

    return free_port()


@pytest.fixture
async def logged_errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what this test's event loop, and everything but asyncio, has reported as an error.

    What other tests have left to the garbage collector is reported during any test: by asyncio, to
    the loop that it was made in.
    """
    own: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: own.append(str(context)))

    def errors() -> list[str]:
        errors = (record for record in caplog.records if record.levelno >= logging.ERROR)
        return [*own, *(record.getMessage() for record in errors if record.name != "asyncio")]

    return errors


class TooSlow(AssertionError):
    """Something took longer than it may."""


class Within(Protocol):
    """What the `within` fixture gives a test."""

    def __call__(self, seconds: float, limit: float) -> None:
        """Fail unless something took less than its limit.

        Args:
            seconds: what was measured.
            limit: what it must stay below, in seconds.

        Raises:
            TooSlow: it did not.
        """
        ...


@pytest.fixture
def within() -> Within:
    """Check a time that belongs to what is promised, such as ending within a second.

    The machine is busy with other tests, and may stand still for a moment: the best of five runs
    counts. What waits for a timeout that it should not wait for is too slow each time.
    """

    def check(seconds: float, limit: float) -> None:
        if seconds >= limit:
            raise TooSlow(f"it took {seconds:.2f} s, and should take less than {limit} s")

    return check


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test that measures a time run up to five times, until it is quick enough."""
    for item in items:
        if "within" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=4, only_rerun=[f"^{TooSlow.__name__}:"]))


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure when nothing may be skipped; an xfail is not a skip."""
    if "all" not in _required() or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{REQUIRE_VARIABLE}=all allows no skipped test: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Apply `SOCKETIO_REQUIRE=all` to skips at run time."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Apply `SOCKETIO_REQUIRE=all` to modules that skip themselves at import."""
    report = yield
    _forbid_skip(report)
    return report
