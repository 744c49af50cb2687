"""Brings what is measured: the load generator, two virtual environments, Node's packages."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.paths import (
    BUILD,
    ENVIRONMENTS,
    HERE,
    LOAD,
    LOGS,
    OXIDE,
    OXIDE_SERVER,
    OXIDE_TARGET,
    PROFILES,
    ROOT,
    python,
)

OUR_DISTS = (".", "plugins/socketio-web", "plugins/socketio-redis", "plugins/socketio-aiopika")
DEADLINE = 600
"""Seconds for one installing command."""


class InstallError(Exception):
    """Something that the benchmarks need is missing; the message says how to get it."""


def _run(command: list[str], cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE)
    if done.returncode:
        raise InstallError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def build_load() -> None:
    """Compiles the load generator if its source is newer than the program."""
    source = HERE / "load.c"
    if LOAD.exists() and LOAD.stat().st_mtime > source.stat().st_mtime:
        return
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise InstallError("no C compiler for benchmarks/load.c (apt-get install gcc libc6-dev)")
    _run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(LOAD), str(source)])


def _changed(stamp: Path, *sources: Path) -> str | None:
    """Returns the new contents of the stamp, or None if the sources are as they were."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return None
    return digest


def build_environment(name: str) -> None:
    """Creates a virtual environment and installs a library into it.

    Ours is installed as wheels, not editable: as its users have it, and a file that is edited
    during a run does not change what is measured.

    Args:
        name: Name of the environment.
    """
    folder = ENVIRONMENTS[name]
    if not (folder / "bin" / "python").exists():
        _run([sys.executable, "-m", "venv", str(folder)])
    pip = [python(name), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    requirements = HERE / "requirements.txt"
    shared = [] if name.endswith("alone") else ["-r", str(requirements)]
    dists: list[str] = []
    if name.startswith("ours"):
        dists = [str(ROOT / dist) for dist in (OUR_DISTS if shared else OUR_DISTS[:1])]
    stamp = folder / "installed"
    digest = _changed(stamp, requirements, *(Path(dist, "pyproject.toml") for dist in dists))
    if digest is not None:
        packages = ["hatchling>=1.25,<2"] if dists else ["python-socketio>=5,<6"]
        # `-U`: all environments get the same, newest releases of what they share
        _run([*pip, "-U", *shared, *packages, *dists])
        stamp.write_text(digest)
    if dists:
        _run([*pip, "--no-deps", "--no-build-isolation", "--force-reinstall", *dists])


def build_node() -> None:
    """Installs Node's Socket.IO server next to this file; no lock file is kept."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise InstallError("Node.js and npm are missing (apt-get install nodejs npm)")
    stamp = HERE / "node_modules" / ".benchmarks"
    digest = _changed(stamp, HERE / "package.json")
    if digest is not None:
        _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], HERE)
        stamp.write_text(digest)


def build_oxide() -> str | None:
    """Builds the server of socketioxide, whose crates come from crates.io.

    Returns:
        Why it is left out of the runs, or None.
    """
    if shutil.which("cargo") is None:
        return "socketioxide is not measured: there is no cargo (https://rustup.rs)"
    stamp = OXIDE_TARGET / "built"
    digest = _changed(stamp, OXIDE / "Cargo.toml", OXIDE / "src" / "main.rs")
    if digest is None and OXIDE_SERVER.exists():
        return None
    command = ["cargo", "build", "--release", "--manifest-path", str(OXIDE / "Cargo.toml")]
    _run([*command, "--target-dir", str(OXIDE_TARGET)])
    if digest is not None:
        stamp.write_text(digest)
    return None


@contextmanager
def alone() -> Iterator[None]:
    """Keeps a second run away: it would install into our environments and take our cores.

    Raises:
        InstallError: Another run went on for too long.
    """
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise InstallError(
                        f"another benchmark run still holds {lock.name} after {DEADLINE} s"
                    ) from error
                time.sleep(1)
        yield


def install(libraries: set[str]) -> list[str]:
    """Brings everything that the given libraries need.

    Args:
        libraries: Any of `ours`, `peer`, `node`, `oxide`, `bare`.

    Returns:
        What is left out and why, a line each.

    Raises:
        InstallError: Something could not be installed.
    """
    for folder in (BUILD, LOGS, PROFILES):
        folder.mkdir(exist_ok=True)
    build_load()
    for library in ("peer", "ours"):
        if library in libraries:
            build_environment(library)
            build_environment(f"{library} alone")
    if "bare" in libraries and "peer" not in libraries:
        build_environment("peer")
    if "node" in libraries:
        build_node()
    left_out = build_oxide() if "oxide" in libraries else None
    return [] if left_out is None else [left_out]
