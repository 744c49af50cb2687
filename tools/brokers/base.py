"""What every broker of the tests can do."""

from __future__ import annotations

import signal
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from .packages import find, require
from .process import BrokerError, ServerProcess, free_port, wait_until

__all__ = ["Broker", "BrokerError", "connect", "free_port"]


def connect(port: int, timeout: float = 1) -> socket.socket:
    """Return a TCP connection to a loopback port, with a timeout in seconds for every call."""
    return socket.create_connection(("127.0.0.1", port), timeout)


class Broker(ABC):
    """A broker of one or several processes on loopback.

    Args:
        directory: Where its data, logs and pid files are kept.
        port: Its first port; None takes a free one.
    """

    name: ClassVar[str]
    """What it is called on the command line."""

    programs: ClassVar[dict[str, tuple[str, ...]]]
    """The programs that it runs, each with the Debian packages that bring it."""

    start_seconds: ClassVar[float] = 20
    """How long a start may take on a slow machine."""

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self.directory = directory
        self.port = port or free_port()

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client manager is given to reach it."""

    @property
    @abstractmethod
    def processes(self) -> list[ServerProcess]:
        """Its processes, in the order in which they are started."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether it serves clients now."""

    def bring(self) -> None:  # noqa: B027  # not every broker needs it
        """Write the configuration; fetch what no Debian package has."""

    def form(self) -> None:  # noqa: B027  # not every broker needs it
        """Do what is needed once its processes run, for example join them into a cluster."""

    @classmethod
    def missing(cls) -> list[str]:
        """Return the programs that would have to be installed first."""
        return [program for program in cls.programs if find(program) is None]

    @property
    def running(self) -> bool:
        """Whether all of its processes run."""
        return all(process.pid is not None for process in self.processes)

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers.

        Raises:
            BrokerError: It cannot be brought, ended by itself or does not answer.
        """
        if self.running and self.answers():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        for program, packages in self.programs.items():
            found = require(program, *packages)
            for process in self.processes:
                if process.command[0] == program:
                    process.command[0] = found
        self.bring()
        for process in self.processes:
            process.start()
        self.form()
        wait_until(self._ready, self.start_seconds, f"an answer of {self.name} ({self.url})")

    def _ready(self) -> bool:
        for process in self.processes:
            process.require_running()
        return self.answers()

    def stop(self) -> None:
        """Stop it in the clean way."""
        for process in reversed(self.processes):
            process.stop()

    def kill(self) -> None:
        """End it without a goodbye."""
        for process in reversed(self.processes):
            process.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
