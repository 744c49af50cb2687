"""The command line: `python -m socketio plugins`."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import traceback
from collections.abc import Sequence

from ._version import __version__
from .plugins import PluginRegistry, PluginReport

_COLUMNS = ("name", "dist", "version", "status", "provides")
_PROVIDES_WIDTH = 72  # characters


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command line without the program's name; that of the process by default.

    Returns:
        The exit code: 1 if a plugin is broken, 2 for a wrong command line, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m socketio")
    parser.add_argument("--version", action="version", version=f"socketio {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    plugins = commands.add_parser("plugins", help="list the plugins and what is wrong with them")
    plugins.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    reports = PluginRegistry().report()
    print(_as_json(reports) if options.json else _as_text(reports))
    return 1 if any(report.status == "broken" for report in reports) else 0


def _as_text(reports: Sequence[PluginReport]) -> str:
    rows: list[tuple[str, ...]] = []
    for report in reports:
        provides = _wrap(report.provides)
        rows.append(
            (report.name, report.dist or "-", report.version or "-", report.status, provides[0])
        )
        rows += [("", "", "", "", line) for line in provides[1:]]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (_COLUMNS, tuple("-" * width for width in widths), *rows)
    ]
    for report in reports:
        for problem in report.problems:
            lines += ["", problem]
        if report.error is not None:
            trace = "".join(traceback.format_exception(report.error)).rstrip()
            lines += [f"    {line}" for line in trace.splitlines()]
    return "\n".join(lines)


def _wrap(items: Sequence[str]) -> list[str]:
    # Lines end between items: the spaces within one are hidden from textwrap.
    text = ", ".join(item.replace(" ", "\0") for item in items)
    return [line.replace("\0", " ") for line in textwrap.wrap(text, _PROVIDES_WIDTH)] or ["-"]


def _as_json(reports: Sequence[PluginReport]) -> str:
    return json.dumps(
        [
            {
                "name": report.name,
                "source": report.source,
                "module": report.module,
                "dist": report.dist or None,
                "version": report.version or None,
                "status": report.status,
                "provides": report.provides,
                "problems": report.problems,
                "error": None if report.error is None else repr(report.error),
            }
            for report in reports
        ],
        indent=2,
    )


if __name__ == "__main__":
    sys.exit(main())
