"""Tests of the generator of the threaded flavour."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest


def load_tool() -> ModuleType:
    """Import tools/unasync.py, which is a script and in no package."""
    path = Path(__file__).resolve().parents[2] / "tools" / "unasync.py"
    spec = importlib.util.spec_from_file_location("unasync_tool", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


unasync = load_tool()

NAMES = {"AsyncServer": "Server", "_async": "_sync", "__aenter__": "__enter__"}


def convert(source: str) -> str:
    """Convert a dedented source and return the result without the banner."""
    result: str = unasync.convert(dedent(source), "server.py", unasync.Words(NAMES))
    banner, _, code = result.partition("\n")
    assert banner == (
        "# Generated from socketio/_async/server.py by tools/unasync.py, do not edit."
    )
    return code


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def f(): pass\n", "def f(): pass\n"),
        ("async def f():\n    await g()\n", "def f():\n    g()\n"),
        ("async def f():\n    return (await g()).x\n", "def f():\n    return (g()).x\n"),
        (
            "async def f():\n    async with a as b:\n        pass\n",
            "def f():\n    with a as b:\n        pass\n",
        ),
        (
            "async def f():\n    async for a in b:\n        pass\n",
            "def f():\n    for a in b:\n        pass\n",
        ),
        (
            "async def f():\n    return [x async for x in y]\n",
            "def f():\n    return [x for x in y]\n",
        ),
        ("from socketio._async import x\n", "from socketio._sync import x\n"),
        ("class AsyncServer: ...\n", "class Server: ...\n"),
        ("my_AsyncServer = xAsyncServer = 1\n", None),
        ("x: 'AsyncServer'\n", "x: 'Server'\n"),
        ("# an AsyncServer\n", "# an Server\n"),
        ("x = f'{AsyncServer!r} {1:>{width}}'\n", "x = f'{Server!r} {1:>{width}}'\n"),
        ('"""::\n\n    await sio.emit()\n"""\n', '"""::\n\n    sio.emit()\n"""\n'),
        ('"""You await the result."""\n', '"""You await the result."""\n'),
        ('"""async def f(): x"""\n', '"""def f(): x"""\n'),
        ("x: Awaitable[int]\n", "x: int\n"),
        ("x: Awaitable[list[int]]\n", "x: list[int]\n"),
        ("x: Callable[[int], Awaitable[None]]\n", "x: Callable[[int], None]\n"),
        ("x: Coroutine[Any, Any, dict[str, int]]\n", "x: dict[str, int]\n"),
        ("x: Awaitable[Awaitable[int]]\n", "x: int\n"),
    ],
)
def test_rewrites(source: str, expected: str | None) -> None:
    assert convert(source) == (source if expected is None else expected)


def test_statement_marked_async_only_is_left_out() -> None:
    source = """\
        async def f():
            await a(
                1,
                2,
            )  # async: only
            # sync: b()
            await c()
        """
    assert convert(source) == "def f():\n    b()\n    c()\n"


def test_block_marked_async_is_left_out() -> None:
    source = """\
        async def f():
            # async: begin
            if x:
                await a()
            # async: end
            # sync: if x:
            # sync:     b()
            await c()
        """
    assert convert(source) == "def f():\n    if x:\n        b()\n    c()\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# async: begin\nx = 1\n", r"server.py:1: '# async: begin' without"),
        ("x = 1\n# async: end\n", r"server.py:2: '# async: end' without"),
        ("# async: begin\n# async: begin\n", r"server.py:2: .* inside another"),
        ("x = 1  # async: sometimes\n", r"server.py:1: unknown marker"),
        ("async def f():\n    await a()  # async: only\n", "not valid Python"),
        ("import asyncio\n", "'asyncio' is left in the threaded flavour"),
        ("class AsyncUnknown: ...\n", "'AsyncUnknown' is left"),
        ("def f(:\n", "not valid Python|cannot be tokenized"),
        ("x = (\n", "cannot be tokenized"),
    ],
)
def test_refuses_what_it_cannot_convert(source: str, message: str) -> None:
    with pytest.raises(unasync.UnasyncError, match=message):
        convert(source)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose one module uses every rule of NAMES."""
    source = tmp_path / "socketio" / "_async"
    source.mkdir(parents=True)
    (source / "server.py").write_text(
        dedent(
            """\
            from collections.abc import Awaitable, Callable

            from socketio._async import x


            class AsyncServer:
                async def __aenter__(self, f: Callable[[int], Awaitable[int] | int]) -> None:
                    await f(x)
            """
        )
    )
    return tmp_path / "socketio"


def test_writes_formatted_files_without_unused_imports(package: Path) -> None:
    assert unasync.run(package, NAMES, check=False) == 0
    assert (package / "_sync" / "server.py").read_text() == dedent(
        """\
        # Generated from socketio/_async/server.py by tools/unasync.py, do not edit.
        from collections.abc import Callable

        from socketio._sync import x


        class Server:
            def __enter__(self, f: Callable[[int], int]) -> None:
                f(x)
        """
    )


def test_check_passes_on_what_was_written(package: Path) -> None:
    assert unasync.run(package, NAMES, check=False) == 0
    assert unasync.run(package, NAMES, check=True) == 0


def test_check_shows_the_difference_and_writes_nothing(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unasync.run(package, NAMES, check=False)
    target = package / "_sync" / "server.py"
    edited = target.read_text() + "edited = True\n"
    target.write_text(edited)
    assert unasync.run(package, NAMES, check=True) == 1
    output = capsys.readouterr()
    assert "-edited = True" in output.out
    assert "run: python tools/unasync.py" in output.err
    assert target.read_text() == edited


def test_check_reports_a_missing_file(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unasync.run(package, NAMES, check=True) == 1
    assert "+class Server:" in capsys.readouterr().out
    assert not (package / "_sync").exists()


def test_an_unused_rule_is_an_error(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unasync.run(package, {**NAMES, "AsyncGhost": "Ghost"}, check=False) == 1
    assert "the rule 'AsyncGhost' matches nothing" in capsys.readouterr().err


def test_a_stale_file_is_an_error(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unasync.run(package, NAMES, check=False)
    (package / "_sync" / "gone.py").write_text("")
    assert unasync.run(package, NAMES, check=True) == 1
    assert "gone.py: has no source in _async" in capsys.readouterr().err


def test_a_broken_source_keeps_the_other_files(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "_async" / "broken.py").write_text("import asyncio\n")
    assert unasync.run(package, NAMES, check=False) == 1
    assert "broken.py: the name 'asyncio' is left" in capsys.readouterr().err
    assert (package / "_sync" / "server.py").exists()
    assert not (package / "_sync" / "broken.py").exists()


def test_the_tree_is_up_to_date(capfd: pytest.CaptureFixture[str]) -> None:
    status = unasync.main(["--check"])
    assert status == 0, "".join(capfd.readouterr())
