"""What the benchmarks bring, and what they leave out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])


def test_without_cargo_socketioxide_is_left_out_with_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from benchmarks import install, stacks

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(stacks, "OXIDE_SERVER", tmp_path / "none")
    line = install.build_oxide()
    assert line is not None and "cargo" in line
    assert [stack.missing for stack in (*stacks.OXIDE, *stacks.NODE)] == [True, False]
