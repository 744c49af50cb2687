"""Writes `docs/explanation/borders.md` from `tests/borders/table.toml`.

Usage: python tools/borders_page.py
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "borders" / "table.toml"
PAGE = ROOT / "docs" / "explanation" / "borders.md"

HEAD = """\
# Borders

The library runs inside other people's code, and that code does what no specification forbids.
Every place where foreign code calls it, or is called by it, is a border with one rule, which is
kept in one function and has tests that behave badly on purpose.

This page is written by `python tools/borders_page.py` from `tests/borders/table.toml`: edit that.
"""


def load() -> list[dict[str, Any]]:
    """Return the borders with their points."""
    borders: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["border"]
    return borders


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for border in load():
        parts.append(f"## {border['name']}\n\n*{border['what']}*\n\n{border['rule']}\n")
        rows = ["| Point | Rule | Tests |", "|---|---|---|"]
        for point in border["point"]:
            tests = "<br>".join(f"`{test}`" for test in point["tests"])
            rows.append(f"| {point['name']} | {point['rule']} | {tests} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
