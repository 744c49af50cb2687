"""Programs of ``examples/``: servers that are told their port, clients that come to an end."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from brokers.process import free_port

from rig.process import CRASH_SIGNS, DEADLINE, Program

MANUAL = Path(__file__).parents[2] / "examples" / "manual"
CLIENT_DEADLINE = 20.0
"""Seconds for a client to come to its end."""


class ExampleServer(Program):
    """A server that takes its port as an argument and says nothing about it.

    Args:
        *command: The program with its interpreter, and its arguments; `{port}` among them stands
            for the port, which is the last one otherwise.
        path: A folder that it can import modules from.
    """

    def __init__(self, *command: str, path: Path | None = None) -> None:
        self._wanted_port = free_port()
        filled = [part.replace("{port}", str(self._wanted_port)) for part in command]
        if filled == list(command):
            filled.append(str(self._wanted_port))
        folders = [str(path), os.environ.get("PYTHONPATH", "")] if path else []
        super().__init__(filled, {"PYTHONPATH": os.pathsep.join(folders)} if path else None)

    def _wait_until_it_listens(self, end: float) -> int:
        while self.process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._wanted_port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self._wanted_port
        raise AssertionError("it does not listen")

    @property
    def lines(self) -> list[str]:
        """What it has printed so far."""
        return [entry["text"] for entry in self.journal.all(event="output")]

    def wait_for_line(self, pattern: str, start: int = 0) -> str:
        """Return the first line from ``start`` on that a regular expression matches.

        Raises:
            AssertionError: None came in time.
        """
        end = time.monotonic() + DEADLINE
        while True:
            for line in self.lines[start:]:
                if re.fullmatch(pattern, line):
                    return line
            if time.monotonic() > end:
                raise AssertionError(f"no line like {pattern!r}, but:\n" + "\n".join(self.lines))
            time.sleep(0.01)


def python_example(topic: str, program: str) -> tuple[str, str]:
    """Return the command of a program of the manual's examples."""
    return sys.executable, str(MANUAL / topic / f"{program}.py")


def run_client(*command: str) -> list[str]:
    """Run a client to its end and return the lines that it printed.

    Raises:
        AssertionError: It ended with an error, or said so on standard error.
    """
    return RunningClient(*command).finish()


class RunningClient:
    """A client that is on its way.

    Args:
        *command: The program with its interpreter and arguments.
    """

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._first = ""

    def first_line(self) -> str:
        """Wait for the first line that it prints; '' if it ends before."""
        assert self._process.stdout is not None
        self._first = self._process.stdout.readline()
        return self._first.rstrip("\n")

    def has_ended(self, seconds: float) -> bool:
        """Wait for its end, and tell whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def finish(self) -> list[str]:
        """Wait for its end and return the lines that it printed.

        Raises:
            AssertionError: It ended with an error, or said so on standard error, or not at all.
        """
        try:
            output, errors = self._process.communicate(timeout=CLIENT_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, errors = self._process.communicate()
            errors += f"still running after {CLIENT_DEADLINE} s"
        output = self._first + output
        shown = f"{' '.join(self._command)}\n{output}{errors}"
        assert self._process.returncode == 0, shown
        assert not any(sign in errors for sign in CRASH_SIGNS), shown
        return output.splitlines()
