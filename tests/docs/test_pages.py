"""The pages tell the truth: their code compiles, their links lead somewhere, the examples run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("plugins/*/README.md"),
        *ROOT.glob("changelog.d/*.md"),
    ]
)
FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)")


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced code of one language, in the order of the page."""
    found = FENCE.finditer(page.read_text())
    return [match["code"] for match in found if match["language"] == language]


def page_id(page: Path) -> str:
    """Name a page in a test's id."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_in_a_page_compiles(page: Path) -> None:
    for code in blocks(page, "python"):
        indent = len(code) - len(code.lstrip(" "))
        lines = [line[indent:] for line in code.splitlines()]
        if lines[0].startswith(">>> "):  # a console: what was typed, without what was answered
            lines = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
        dedented = "\n".join(lines)
        # Pages show `await` outside of a function where the surrounding code does not matter.
        compile(dedented, page_id(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_python_of_a_page_imports_what_it_uses(tmp_path: Path) -> None:
    for page in PAGES:
        code = "".join(c for c in blocks(page, "python") if not c.startswith((" ", ">>> ")))
        (tmp_path / f"{page_id(page).replace('/', '-')}.py").write_text(code)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache"]
    undefined = subprocess.run(
        [*command, "--select=F821", "--output-format=concise", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert undefined.returncode == 0, undefined.stdout + undefined.stderr


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_in_a_page_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    dead = [m["target"] for m in LINK.finditer(text) if not (page.parent / m["target"]).exists()]
    assert dead == []


@contextmanager
def serving(command: list[str], folder: Path, announcement: str) -> Iterator[Callable[[], str]]:
    """Run a server until the block ends; enter once it has printed `announcement`.

    The test's own timeout is the deadline of the wait.
    """
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        seen = ""
        for line in process.stdout:
            seen += line
            if announcement in line:
                break
        else:
            pytest.fail(f"the server ended before it said {announcement!r}:\n{seen}")
        yield lambda: seen
    finally:
        process.terminate()
        process.communicate(timeout=10)


def run_client(code: str, folder: Path) -> str:
    """Run a program that ends by itself and return what it printed."""
    (folder / "client.py").write_text(code)
    result = subprocess.run(
        [sys.executable, "client.py"], cwd=folder, capture_output=True, text=True, timeout=30
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.timeout(60)
def test_the_readme_server_and_client_talk(tmp_path: Path, port: int) -> None:
    server, *_, client = (code for code in blocks(ROOT / "README.md", "python") if "5000" in code)
    (tmp_path / "server.py").write_text(server.replace("5000", str(port)))
    command = [sys.executable, "-u", "server.py"]
    with serving(command, tmp_path, "Running on"):
        printed = run_client(client.replace("5000", str(port)), tmp_path)
    assert printed.splitlines() == ["delivered", "['news', {'hello': 'world'}]"]


def test_the_other_snippets_of_the_readme_run() -> None:
    snippets = [code for code in blocks(ROOT / "README.md", "python") if "5000" not in code]
    assert snippets
    for code in snippets:
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.timeout(60)
def test_the_first_server_of_the_tutorial_counts(tmp_path: Path, port: int) -> None:
    page = ROOT / "docs" / "tutorial" / "first-server.md"
    server, watcher = blocks(page, "python")
    (html,) = blocks(page, "html")
    (tmp_path / "counter.py").write_text(server)
    (tmp_path / "counter.html").write_text(html)
    # The page's client watches for ever: let it end after the event that its own call causes.
    endless = "        while True:\n            print(await sio.receive())\n"
    assert endless in watcher
    watcher = watcher.replace(endless, endless.replace("while True", "for _ in range(2)"))
    command = [sys.executable, "-m", "uvicorn", "counter:app", "--port", str(port)]
    with serving(command, tmp_path, "Uvicorn running on"):
        served = httpx.get(f"http://127.0.0.1:{port}/")
        assert served.status_code == 200
        assert served.text == html
        printed = run_client(watcher.replace("5000", str(port)), tmp_path)
    assert printed.splitlines() == ["acknowledged: 10", "['count', 0]", "['count', 10]"]
