"""Brings the programs that are not on the machine, from Debian's packages.

Debian starts a service as soon as its package is there; here nothing may listen on a default
port, so a policy forbids that while the packages are installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import BrokerError

_INSTALLING = threading.Lock()  # the brokers are started side by side
_POLICY = Path("/usr/sbin/policy-rc.d")


def require(program: str, *packages: str) -> str:
    """Return the path of a program, installing its Debian packages when it is missing.

    Raises:
        BrokerError: It is missing and cannot be installed here.
    """
    with _INSTALLING:
        return find(program) or _install(program, packages)


def _install(program: str, packages: tuple[str, ...]) -> str:
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise BrokerError(f"{program} is missing; as root on Debian: {command}")
    print(f"{program} is missing: {command}", flush=True)
    with _no_service_starts():
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", *packages)
    found = find(program)
    if found is None:
        raise BrokerError(f"{program} is still missing after: {command}")
    return found


def find(program: str) -> str | None:
    """Return the path of a program, or None."""
    if "/" in program:
        return program if Path(program).exists() else None
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/lib/rabbitmq/bin")


def _apt(*arguments: str) -> None:
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(
            ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if result.returncode:
            output.seek(0)
            said = output.read().decode(errors="replace")[-1500:]
            raise BrokerError(f"apt-get {' '.join(arguments)} failed:\n{said}")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    if _POLICY.exists():  # a container image has one already
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
