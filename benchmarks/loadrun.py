"""Runs the load generator against a server."""

import json
import subprocess
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from benchmarks.cases import Point
from benchmarks.paths import LOAD
from benchmarks.processes import LOAD_CORE, pinned

RAMP_DEADLINE = 60
"""Seconds for all clients to connect, on top of the measured time."""


class LoadError(Exception):
    """The load generator gave up; the message is its own."""


@dataclass(frozen=True)
class LoadResult:
    """What the load generator counted in its window.

    Args:
        messages: Completed messages.
        seconds: Length of the window.
        own_cpu: CPU seconds of the load generator.
        server_cpu: CPU seconds of the measured processes.
        machine_cpu: CPU seconds of everything on the machine.
        bottleneck: Whether the load generator was nearly out of CPU.
        latency_us: Percentiles in microseconds.
    """

    messages: int
    seconds: float
    own_cpu: float
    server_cpu: float
    machine_cpu: float
    bottleneck: bool
    latency_us: dict[str, float]

    @classmethod
    def parse(cls, text: str) -> "LoadResult":
        """Reads the generator's JSON.

        Args:
            text: Its last line of output.
        """
        known: dict[str, Any] = json.loads(text)
        return cls(**{name: known[name] for name in cls.__dataclass_fields__})

    def summary(self) -> dict[str, Any]:
        """Returns the figures that go into the raw data."""
        if not self.messages:
            raise LoadError("no message was completed in the window")
        others = max(0.0, self.machine_cpu - self.own_cpu - self.server_cpu)
        return {
            "cpu_us": self.server_cpu / self.messages * 1e6,
            "rate": self.messages / self.seconds,
            "messages": self.messages,
            "seconds": self.seconds,
            "p50_us": self.latency_us["p50"],
            "p99_us": self.latency_us["p99"],
            "load_us": self.own_cpu / self.messages * 1e6,
            "load_share": self.own_cpu / self.seconds,
            "server_share": self.server_cpu / self.seconds,
            "others_share": others / self.seconds,
            "bottleneck": self.bottleneck,
        }


def arguments(
    point: Point, port: int, pids: list[int], *, bare: bool, leader_port: int | None = None
) -> list[str]:
    """Returns the generator's command line.

    Args:
        point: What to do.
        port: The server's port.
        pids: Processes whose CPU time is read at both ends of the window.
        bare: Whether the server speaks no Socket.IO.
        leader_port: Port of the server that the emitting client uses, if another.
    """
    command = [str(LOAD), "--mode", point.mode, "--port", str(port)]
    command += ["--clients", str(point.clients), "--depth", str(point.depth)]
    command += ["--size", str(point.size), "--seconds", str(point.seconds)]
    command += ["--warmup", str(point.warmup), "--deadline", str(deadline(point))]
    # a server that answers in rounds of seconds is measured over three of them at least
    command += ["--least", str(3 * point.clients * (point.depth if point.mode == "echo" else 1))]
    for pid in pids:
        command += ["--pid", str(pid)]
    if point.binary:
        command.append("--binary")
    if bare:
        command.append("--bare")
    if point.rooms is not None:
        command += ["--rooms", str(point.rooms)]
    if leader_port is not None:
        command += ["--leader-port", str(leader_port)]
    return command


def deadline(point: Point) -> float:
    """Returns the seconds after which a run of this point has failed.

    Args:
        point: What to do.
    """
    return RAMP_DEADLINE + point.clients / 100 + point.warmup + point.seconds


def run(command: list[str], seconds: float) -> LoadResult:
    """Runs the generator to its end.

    Args:
        command: See `arguments`.
        seconds: Its deadline.

    Raises:
        LoadError: It failed or did not end.
    """
    with pinned(LOAD_CORE):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 10)
        except subprocess.TimeoutExpired as error:
            raise LoadError("the load generator did not end") from error
    if done.returncode:
        raise LoadError(done.stderr.strip() or f"exit code {done.returncode}")
    return LoadResult.parse(done.stdout)


class Holding:
    """The generator in `idle` mode: connects everyone and holds them while the block runs.

    Args:
        command: See `arguments`.
    """

    def __init__(self, command: list[str]) -> None:
        with pinned(LOAD_CORE):
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> "Holding":
        assert self._popen.stdout is not None and self._popen.stderr is not None
        # the generator has a deadline of its own, so this ends
        if self._popen.stdout.readline().strip() != "ready":
            self._popen.wait(10)
            raise LoadError(self._popen.stderr.read().strip())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._popen.kill()
        self._popen.communicate(timeout=10)
