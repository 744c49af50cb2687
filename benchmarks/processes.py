"""Starting, pinning, observing and ending the processes of a run."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.paths import BUILD, LOGS

_CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE = _CORES[0]
SERVER_CORE = _CORES[-1]
"""The same as LOAD_CORE on a machine with one core; the report says so."""

READY_DEADLINE = 30
"""Seconds for a server to answer its first request."""


_PROBE = b"GET /socket.io/?EIO=4&transport=ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
# answered by all with an error, which opens no session


class ServerError(Exception):
    """A server did not start or did not answer; the message carries its log."""


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Lets the processes started inside inherit one core.

    Args:
        core: Number of the core.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def listen() -> socket.socket:
    """Returns a socket that listens on a free loopback port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    return listener


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:  # the thread ended since the listing
            continue
        for child in children:
            found += _descendants(int(child))
    return found


class Process:
    """A started process and its children.

    Args:
        command: Program and arguments.
        core: The core it runs on.
        name: Name of its log file.
        keep: Descriptors it inherits.
        environment: Variables added to ours.
    """

    def __init__(
        self,
        command: list[str],
        *,
        core: int,
        name: str,
        keep: tuple[int, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.log = LOGS / f"{name.replace('/', '-')}.log"
        with pinned(core), self.log.open("w") as log:
            # a session of its own: ending it ends its children and nothing else
            self._popen = subprocess.Popen(
                command,
                cwd=BUILD,  # not the root, where a `socketio` of its own would be found
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=keep,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the program."""
        return self._popen.pid

    def pids(self) -> list[int]:
        """Returns the process ids of the program and its children."""
        return _descendants(self.pid)

    def ended(self) -> bool:
        """Returns whether the program has ended by itself."""
        return self._popen.poll() is not None

    def tail(self) -> str:
        """Returns the end of its log."""
        return self.log.read_text(errors="replace")[-2000:]

    def memory(self) -> int:
        """Returns the proportional set size of the program and its children, in bytes."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def cpu(self) -> float:
        """Returns user and system time of the program and its children, in seconds."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self, *, gently: bool = False) -> None:
        """Ends the process and its children.

        Args:
            gently: Ask first; a broker that is killed leaves its children or files behind.
        """
        if gently and not self.ended():
            self._popen.terminate()
            try:
                self._popen.wait(20)
            except subprocess.TimeoutExpired:
                pass  # killed below
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # everything in its session has ended already
        self._popen.wait(10)


class Server(Process):
    """A server that answers on a loopback port.

    Args:
        command: Builds the command from the inherited descriptor's number.
        name: Name of its log file.
        core: The core it runs on.

    Raises:
        ServerError: It ended, or did not answer in time.
    """

    def __init__(self, command: Callable[[int], list[str]], *, name: str, core: int) -> None:
        with listen() as listener:
            self.port = listener.getsockname()[1]
            descriptor = listener.fileno()
            super().__init__(command(descriptor), core=core, name=name, keep=(descriptor,))
        try:
            self._wait_until_it_answers(name)
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_answers(self, name: str) -> None:
        deadline = time.monotonic() + READY_DEADLINE
        while time.monotonic() < deadline:
            if self.ended():
                raise ServerError(f"{name} ended at start:\n{self.tail()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    probe.sendall(_PROBE)
                    if probe.recv(16).startswith(b"HTTP/1."):
                        return
            except OSError:
                continue  # not listening yet, or still importing
        raise ServerError(f"{name} did not answer within {READY_DEADLINE} s:\n{self.tail()}")
