"""Facts about the machine and the versions that were measured."""

import json
import os
import platform
import subprocess
import tomllib
from pathlib import Path

from benchmarks.paths import ENVIRONMENTS, HERE, OXIDE, ROOT, python
from benchmarks.processes import LOAD_CORE, SERVER_CORE

_PACKAGES = (
    "socketio",
    "socketio-web",
    "socketio-redis",
    "socketio-aiopika",
    "python-socketio",
    "python-engineio",
    "uvicorn",
    "uvloop",
    "websockets",
    "httptools",
    "aiohttp",
    "picows",
    "gunicorn",
    "gevent",
    "simple-websocket",
    "orjson",
    "redis",
    "aio-pika",
)


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    except OSError:
        return "not found"
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30


def facts() -> dict[str, str]:
    """Returns what the machine is, name by name."""
    return {
        "processor": _processor(),
        "cores": f"{os.cpu_count()}; servers on core {SERVER_CORE}, load on core {LOAD_CORE}",
        "memory": f"{_memory_gib()} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def commit() -> str:
    """Returns the commit that is measured, and whether its files were changed."""
    changed = _output("git", "status", "--porcelain", "socketio", "plugins")
    return _output("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def versions() -> dict[str, str]:
    """Returns the versions of everything measured; `name (ours)` where environments differ."""
    found: dict[str, str] = {}
    for library, folder in ENVIRONMENTS.items():
        if library.endswith("alone") or not folder.exists():
            continue
        found[f"Python ({library})"] = _output(python(library), "--version").removeprefix("Python ")
        listed = json.loads(_output(python(library), "-m", "pip", "list", "--format", "json"))
        for package in listed:
            if package["name"] in _PACKAGES:
                found[f"{package['name']} ({library})"] = package["version"]
    for name in list(found):
        package, _, library = name.partition(" (")
        if library == "ours)" and found.get(f"{package} (peer)") == found[name]:
            found[package] = found.pop(name)
            del found[f"{package} (peer)"]
    found["Node.js"] = _output("node", "--version").removeprefix("v")
    for package in ("socket.io", "engine.io", "ws"):
        manifest = HERE / "node_modules" / package / "package.json"
        if manifest.exists():
            found[f"{package} (Node)"] = json.loads(manifest.read_text())["version"]
    lock = OXIDE / "Cargo.lock"
    if lock.exists():
        for crate in tomllib.loads(lock.read_text())["package"]:
            if crate["name"] in ("socketioxide", "axum", "tokio"):
                found[f"{crate['name']} (Rust)"] = crate["version"]
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))
