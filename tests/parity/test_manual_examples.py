"""The page of the manual's examples names every program, and tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "manual-examples.md"
MANUAL = ROOT / "examples" / "manual"
SHORT = {
    "MANUAL": "e2e/examples/test_manual.py",
    "DEPLOYMENT": "e2e/examples/test_deployment.py",
    "STOPPING": "e2e/examples/test_stopping.py",
}
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| Example"))
]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_program_is_listed() -> None:
    listed = {program for row in ROWS for program in quoted(row[1])}
    present = {path.relative_to(MANUAL).as_posix() for path in MANUAL.glob("*/*.py")}
    assert listed == present


def test_both_flavours_are_there() -> None:
    for path in MANUAL.glob("*/*.py"):
        if path.stem in ("client", "server", "emit"):
            assert path.with_stem(f"{path.stem}_asyncio").exists(), path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_every_example_has_a_test(row: list[str]) -> None:
    tests = quoted(row[2])
    assert tests
    for test in tests:
        place, _, name = test.partition("::")
        path = ROOT / SHORT.get(place, place)
        functions = {
            node.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        assert not name or name in functions
