"""Where the benchmarks keep things."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / ".build"
"""Compiled load generator, raw data, logs and profiles; git-ignored."""

SERVERS = HERE / "servers"
CLIENTS = HERE / "clients"
LOAD = BUILD / "load"
OXIDE = HERE / "peers" / "socketioxide"
"""The program of the peer in Rust; built where there is cargo."""

OXIDE_TARGET = BUILD / "cargo"
OXIDE_SERVER = OXIDE_TARGET / "release" / "socketioxide-server"
RAW = BUILD / "results.json"
LOGS = BUILD / "logs"
PROFILES = BUILD / "profiles"
RESULTS = HERE / "results.md"

ENVIRONMENTS = {
    "ours": HERE / ".venv-ours",
    "peer": HERE / ".venv-peer",
    "ours alone": HERE / ".venv-ours-alone",
    "peer alone": HERE / ".venv-peer-alone",
}
"""Virtual environment per library: both are called `socketio`, one environment holds one.

`alone` has the library and what it requires, and no framework or broker client, whose presence
changes what an import loads.
"""


def python(library: str) -> str:
    """Returns the interpreter that runs a library.

    Args:
        library: Name of an environment.
    """
    return str(ENVIRONMENTS[library] / "bin" / "python")
