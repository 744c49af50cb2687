"""Write the modules of names in the package's root, such as `socketio.asgi`, from the one table.

The table is `socketio/_names.py`. Applications import these modules; the code is in the package's
folders. Run `python tools/root_names.py` to write them, `--check` to fail when they are not what
would be written.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "socketio"

BANNER = "# Written from socketio/_names.py by tools/root_names.py, do not edit.\n"

WIDTH = 100
"""The longest line, as in `pyproject.toml`."""


def table() -> dict[str, Any]:
    """Return what `socketio/_names.py` defines; importing the package is not needed for it."""
    return runpy.run_path(str(PACKAGE / "_names.py"))


def listed(names: list[str]) -> str:
    """Return the definition of `__all__`."""
    quoted = [f'"{name}"' for name in sorted(names)]
    line = f"__all__ = [{', '.join(quoted)}]\n"
    if len(line) <= WIDTH + 1:
        return line
    return "__all__ = [\n" + "".join(f"    {name},\n" for name in quoted) + "]\n"


def imported(home: str, names: list[str]) -> str:
    """Return the statement that imports names from a module of the package."""
    line = f"from .{home} import {', '.join(names)}\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"from .{home} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def of_code(homes: dict[str, str]) -> str:
    """Return a module whose names have their code in the package.

    Args:
        homes: The names, and the module of each.
    """
    by_home: dict[str, list[str]] = {}
    for name in sorted(homes):
        by_home.setdefault(homes[name], []).append(name)
    imports = "".join(imported(home, by_home[home]) for home in sorted(by_home))
    return (
        f'{BANNER}"""Names that applications import from here; their code is elsewhere."""\n\n'
        f"{imports}\n{listed(list(homes))}"
    )


def of_plugins(names: list[str]) -> str:
    """Return a module whose names plugins provide."""
    arguments = ", ".join(f'"{name}"' for name in names)
    return (
        f'{BANNER}"""Names that applications import from here; a plugin provides them."""\n\n'
        "from .plugins.public_names import of_module\n\n"
        f"__getattr__ = of_module(__name__, {arguments})\n"
    )


def files(names: dict[str, Any]) -> dict[Path, str]:
    """Return the modules that are to be written, with their text."""
    texts = {
        module: of_code(homes)
        for module, homes in names["MODULES"].items()
        if module not in names["BY_HAND"]
    }
    texts |= {module: of_plugins(provided) for module, provided in names["PLUGIN_MODULES"].items()}
    return {PACKAGE / f"{module}.py": text for module, text in texts.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the modules of names of the package.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one differs")
    options = parser.parse_args(arguments)
    wanted = files(table())
    wrong = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if options.check:
        for path in wrong:
            print(f"{path.name} is not what the table says: run tools/root_names.py")
        return 1 if wrong else 0
    for path in wrong:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
