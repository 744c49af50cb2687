"""Tests of the generator of the threaded flavour."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from textwrap import dedent, indent
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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("await x", ""),
        ("x = await x", ""),
        ("if hasattr(\n    x, '__await__'\n):\n    # a comment\n    x = await x", ""),
        ("if waits:\n    await x\n    y = await y", ""),
        ("if waits:\n    await x\n    g()", "if waits:\n    g()"),
        ("y = await x", "y = x"),
        ("x += await x", "x += x"),
        ("await x()", "x()"),
        ("if waits:\n    await x\nelse:\n    g()", None),
    ],
)
def test_what_only_awaits_a_name_is_left_out(lines: str, expected: str | None) -> None:
    def function(keyword: str, body: str) -> str:
        return indent(f"{body}\nreturn x\n".lstrip("\n"), "    ").join((f"{keyword} f():\n", ""))

    source = function("async def", lines)
    if expected is None:
        with pytest.raises(unasync.UnasyncError, match="not valid Python"):
            convert(source)
    else:
        assert convert(source) == function("def", expected)


def test_the_source_has_no_code_in_comments() -> None:
    """What differs between the flavours is code, in modules that tools read as such."""
    folder = Path(unasync.ROOT) / "socketio" / "_async"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=ERA"]
    result = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    for path in sorted(folder.glob("*.py")):
        for token in unasync.Source(path.read_text(encoding="utf-8"), path.name).tokens:
            if token.type == tokenize.COMMENT:
                assert not re.match(r"#\s*a?sync\s*:", token.string), (path.name, token.start)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("async def f():\n    await a\n", "not valid Python"),
        ("import asyncio\n", "'asyncio' is left in the threaded flavour"),
        ("class AsyncUnknown: ...\n", "'AsyncUnknown' is left"),
        ("x = 1\nx = = 2\n", "server.py:2: cannot be parsed"),
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
