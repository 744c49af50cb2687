"""Build every distribution of the tree and check what it would put on a user's machine.

For the core, each plugin and each example that is a distribution of its own:

- its wheel, built in isolation, holds its own package, `py.typed` and metadata, nothing else;
- installed editable, it makes its package importable and no folder of the repository beside it
  (`plugins`, `tests`, `tools`, ...).

Usage:
    python tools/check_wheels.py

Exits with 1 and prints every finding if one is wrong.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Dist:
    """One distribution of the tree."""

    name: str
    folder: Path
    package: str
    published: bool = True
    """False for an example, which is installed from the tree only."""


def find_dists(root: Path) -> list[Dist]:
    """List the core, the plugins and the examples that are distributions."""
    dists = []
    for project in [
        root / "pyproject.toml",
        *sorted(root.glob("plugins/*/pyproject.toml")),
        *sorted(root.glob("examples/*/pyproject.toml")),
    ]:
        name = tomllib.loads(project.read_text())["project"]["name"]
        dists.append(
            Dist(
                name=name,
                folder=project.parent,
                package=name.replace("-", "_"),
                published=project.parent.parent.name != "examples",
            )
        )
    return dists


def build_wheel(dist: Dist, into: Path, *, isolated: bool = True) -> Path:
    """Build the wheel of `dist` and return its path.

    Without isolation it is built by the hatchling of the running interpreter, which is quicker.
    """
    into.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(into)]
    if not isolated:
        command.append("--no-build-isolation")
    subprocess.run([*command, str(dist.folder)], check=True)
    (wheel,) = into.glob("*.whl")
    return wheel


def check_wheel(dist: Dist, wheel: Path) -> Iterator[str]:
    """Yield what is wrong with the content of a wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    own = f"{dist.package}/"
    for name in names:
        top = name.split("/", 1)[0]
        if not name.startswith(own) and not top.endswith(".dist-info"):
            yield f"{wheel.name}: holds {name}, which is not part of {dist.package}"
        if "__pycache__" in name or "/tests/" in name:
            yield f"{wheel.name}: holds {name}, which does not belong in a wheel"
    for wanted in (f"{own}__init__.py", f"{own}py.typed"):
        if wanted not in names:
            yield f"{wheel.name}: lacks {wanted}"
    licensed = any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    if not licensed and dist.published:
        yield f"{wheel.name}: lacks the licence"
    for source in (dist.folder / dist.package).rglob("*.py"):
        path = source.relative_to(dist.folder).as_posix()
        if path not in names:
            yield f"{wheel.name}: lacks {path}"


def stray_names(root: Path, dists: Sequence[Dist]) -> list[str]:
    """Names no installation may make importable: the folders that are no package of ours."""
    packages = {dist.package for dist in dists}
    folders = {
        path.name
        for parent in (root, *(dist.folder for dist in dists))
        for path in parent.iterdir()
        if path.is_dir() and path.name.isidentifier()
    }
    return sorted(folders - packages)


def importable(python: Path, names: Sequence[str], scratch: Path) -> dict[str, str]:
    """Ask `python` where each name would be imported from; `None` as text if from nowhere."""
    probe = (
        "import importlib.util, sys\n"
        "for name in sys.argv[1:]:\n"
        "    spec = importlib.util.find_spec(name)\n"
        "    print(name, spec and (spec.origin or list(spec.submodule_search_locations)))\n"
    )
    # From an empty folder: Python puts the working directory on sys.path.
    empty = scratch / "empty"
    empty.mkdir()
    answer = subprocess.run(
        [str(python), "-c", probe, *names],
        check=True,
        cwd=empty,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split(" ", 1) for line in answer.splitlines())


def check_editable(dists: Sequence[Dist], scratch: Path) -> Iterator[str]:
    """Install all distributions editable in a new environment; yield what is wrong with it."""
    environment = scratch / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    # --no-deps: what is asked here is only which names the installation adds. `editables` is the
    # one dependency an exact editable install has of its own.
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*install, "editables"], check=True)
    subprocess.run(
        [*install, *(argument for dist in dists for argument in ("-e", str(dist.folder)))],
        check=True,
    )
    strays = stray_names(ROOT, dists)
    found = importable(python, [*(dist.package for dist in dists), *strays], scratch)
    for dist in dists:
        expected = str(dist.folder / dist.package / "__init__.py")
        if found[dist.package] != expected:
            yield f"{dist.name} installed editable: {found[dist.package]} is not {expected}"
    for name in strays:
        if str(ROOT) in found[name]:
            yield f"an editable install makes {name!r} importable from {found[name]}"


def main() -> int:
    """Run the checks and report."""
    dists = find_dists(ROOT)
    findings: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for dist in dists:
            wheel = build_wheel(dist, scratch / "wheels" / dist.name)
            wrong = list(check_wheel(dist, wheel))
            print(f"{wheel.name}: {'WRONG' if wrong else 'ok'}", flush=True)
            findings += wrong
        wrong = list(check_editable(dists, scratch))
        print(f"editable install of {len(dists)} dists: {'WRONG' if wrong else 'ok'}", flush=True)
        findings += wrong
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
