"""Clients and servers of other languages, which the Makefile builds under ``.tools``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rig.kinds import E2E
from rig.node import from_wire

DEADLINE = 60.0
"""Seconds that a program has to end; each step of the conversation has a shorter one."""


@dataclass(frozen=True)
class ForeignProgram:
    """A program with a client and a server in it."""

    language: str
    target: str
    """Where it is built, below ``e2e/.tools``."""

    def path(self, need: Callable[..., Any]) -> str:
        """Return its path; skip the test where it could not be built."""
        program = E2E / ".tools" / self.target
        need(self.language, program.is_file(), f"make e2e/.tools/{self.target}")
        return str(program)


GO = ForeignProgram("go", "go-foreign/foreign")
RUST = ForeignProgram("rust", "rust-foreign/debug/foreign")


@contextmanager
def programs() -> Iterator[Callable[[Sequence[str]], subprocess.Popen[str]]]:
    """Give a function that starts a program; all are waited for, and end with their input."""
    running: list[subprocess.Popen[str]] = []

    def start(command: Sequence[str]) -> subprocess.Popen[str]:
        running.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        )
        return running[-1]

    yield start
    for program in running:
        try:
            program.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            program.kill()
            program.communicate()
            raise


def line_of(program: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a program writes next, whose steps have deadlines; fail with its errors."""
    assert program.stdout is not None
    output = program.stdout.readline()
    if not output:
        raise AssertionError(program.communicate(timeout=DEADLINE)[1])
    facts: dict[str, Any] = from_wire(json.loads(output))
    return facts
