"""NATS, from Debian's package."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .base import Broker, connect
from .process import ServerProcess


class NatsBroker(Broker):
    """One nats-server; with `token`, one that wants it."""

    name: ClassVar[str] = "nats"
    programs: ClassVar[dict[str, tuple[str, ...]]] = {"nats-server": ("nats-server",)}

    def __init__(self, directory: Path, port: int | None = None, token: str = "") -> None:
        super().__init__(directory, port)
        command = ["nats-server", "--addr", "127.0.0.1", "--port", str(self.port)]
        if token:
            command += ["--auth", token]
        self._process = ServerProcess("nats", directory, command)

    @property
    def url(self) -> str:
        """Return what a client manager is given to reach it."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return [self._process]

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        try:
            with connect(self.port) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False
