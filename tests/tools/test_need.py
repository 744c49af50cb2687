"""The rules of the root conftest.py: what is missing skips, and fails under SOCKETIO_REQUIRE."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import pytest

def test_present(need):
    assert need("python", "/usr/bin/python", "apt-get install python3") == "/usr/bin/python"

def test_missing(need):
    need("redis", None, "apt-get install redis-server")

def test_plain_skip():
    pytest.skip("not today")

@pytest.mark.skip(reason="marked")
def test_marked():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_xfail():
    raise AssertionError
"""


def run(folder: Path, require: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in `folder` with the root conftest.py and nothing else of the tree."""
    shutil.copy(ROOT / "conftest.py", folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SOCKETIO_", "PYTEST"))}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take longer than the test
    if require is not None:
        environment["SOCKETIO_REQUIRE"] = require
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(folder), "-ra"]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_things.py").write_text(TESTS)
    return tmp_path


def test_a_missing_thing_skips_and_names_its_command(folder: Path) -> None:
    result = run(folder, None)
    assert result.returncode == 0, result.stdout
    assert "1 passed, 3 skipped, 1 xfailed" in result.stdout
    assert "redis is missing; bring it with: apt-get install redis-server" in result.stdout


def test_all_turns_every_skip_into_a_failure(folder: Path) -> None:
    result = run(folder, "all")
    assert result.returncode == 1, result.stdout
    assert "skipped" not in result.stdout.splitlines()[-1]
    assert "2 failed, 1 passed, 1 xfailed, 1 error" in result.stdout
    assert "SOCKETIO_REQUIRE asks for it, but redis is missing" in result.stdout
    assert "SOCKETIO_REQUIRE=all allows no skipped test" in result.stdout
    assert "not today" in result.stdout


def test_all_holds_in_parallel_runs(folder: Path) -> None:
    result = run(folder, "all", "-p", "xdist.plugin", "-n", "2")
    assert result.returncode == 1, result.stdout
    assert "2 failed, 1 passed, 1 xfailed, 1 error" in result.stdout


def test_a_name_requires_that_thing_only(folder: Path) -> None:
    result = run(folder, "node, Redis")
    assert result.returncode == 1, result.stdout
    assert "1 failed, 1 passed, 2 skipped, 1 xfailed" in result.stdout
    assert "redis is missing" in result.stdout


def test_all_refuses_a_module_that_skips_itself(tmp_path: Path) -> None:
    (tmp_path / "test_module.py").write_text(
        "import pytest\npytest.importorskip('no_such_module')\n"
    )
    assert "1 skipped" in run(tmp_path, None).stdout
    result = run(tmp_path, "all")
    assert result.returncode == 2, result.stdout
    assert "SOCKETIO_REQUIRE=all allows no skipped test" in result.stdout
