"""One server process that outlives the command which started it, known by its process id."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class BrokerError(Exception):
    """A broker could not be brought, started or stopped; the message says why and what to do."""


def free_port() -> int:
    """Return a loopback port that nothing listens on at this moment.

    Not one of those that the system hands out for outgoing connections: while its broker is
    stopped, one of them could take it.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition, looking every 50 ms.

    Raises:
        BrokerError: It did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BrokerError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


class ServerProcess:
    """A process with its log and its process id kept in a directory.

    Args:
        name: Used for the file names and in errors.
        directory: Where log and pid file are kept; created when missing.
        command: Program and arguments.
        environment: Variables on top of the caller's.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.directory = directory
        self.command = list(command)
        self.environment = dict(environment or {})
        self.log = directory / f"{name}.log"
        self._pid_file = directory / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process while it runs, else None."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid_text, start_time = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        # An id is reused after a while; together with its start time it is not.
        return int(pid_text) if _start_time(int(pid_text)) == start_time else None

    def start(self) -> None:
        """Start the process unless it runs."""
        if self.pid is not None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._child.pid} {_start_time(self._child.pid)}")

    def require_running(self) -> None:
        """Raise `BrokerError` with the end of the log if the process has ended."""
        if self.pid is None:
            tail = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
            raise BrokerError(f"{self.name} ended by itself; its log says:\n{tail}")

    def send_signal(self, number: int) -> None:
        """Send a signal, if the process runs."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, number)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> None:
        """End the process and wait for it; SIGKILL when the signal did not do it in time."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGCONT)  # a stopped process does not see the next signal
            os.kill(pid, number)
            try:
                wait_until(lambda: self.pid is None, seconds, f"the end of {self.name}")
            except BrokerError:
                self.send_signal(signal.SIGKILL)
                wait_until(lambda: self.pid is None, 10, f"the end of {self.name}")
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._pid_file.unlink(missing_ok=True)


def _start_time(pid: int) -> str | None:
    """Return when a live process began, in the kernel's ticks; None for a dead one or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
