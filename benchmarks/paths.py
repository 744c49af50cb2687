"""Where the benchmarks keep things."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / ".build"
"""Compiled load generator, raw data, logs and profiles; git-ignored."""

SERVERS = HERE / "servers"
CLIENTS = HERE / "clients"
LOAD = BUILD / "load"
RAW = BUILD / "results.json"
LOGS = BUILD / "logs"
PROFILES = BUILD / "profiles"
RESULTS = HERE / "results.md"

ENVIRONMENTS = {"ours": HERE / ".venv-ours", "peer": HERE / ".venv-peer"}
"""Virtual environment per library: both are called `socketio`, one environment holds one."""


def python(library: str) -> str:
    """Returns the interpreter that runs a library.

    Args:
        library: `ours` or `peer`.
    """
    return str(ENVIRONMENTS[library] / "bin" / "python")
