"""Print pip constraints that pin every dependency of the tree to its lower bound.

`make oldest` runs the tests with them: a bound in a `pyproject.toml` is a promise, and an untested
promise is a guess. Dependencies on our own distributions are left out.

Usage:
    python tools/oldest.py > constraints.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?\s*>=\s*(?P<lower>[0-9][^,;\s]*)")


def requirements(project: Path) -> Iterator[str]:
    """Yield the requirements of one pyproject.toml, those of its extras too."""
    table = tomllib.loads(project.read_text())["project"]
    yield from table.get("dependencies", [])
    for extra in table.get("optional-dependencies", {}).values():
        yield from extra


def lower_bounds(projects: list[Path]) -> dict[str, str]:
    """Map each dependency to its lower bound; two different bounds of one name are an error."""
    bounds: dict[str, str] = {}
    own = {tomllib.loads(p.read_text())["project"]["name"] for p in projects}
    for project in projects:
        for requirement in requirements(project):
            match = REQUIREMENT.match(requirement)
            if match is None:
                raise SystemExit(f"{project}: {requirement!r} has no lower bound; add >=VERSION")
            name, lower = match["name"].lower(), match["lower"]
            if name in own:
                continue
            if bounds.setdefault(name, lower) != lower:
                raise SystemExit(
                    f"{project}: {name}>={lower}, elsewhere >={bounds[name]}; make the two equal"
                )
    return bounds


def main() -> int:
    """Print the constraints."""
    projects = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
    for name, lower in sorted(lower_bounds(projects).items()):
        print(f"{name}=={lower}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
