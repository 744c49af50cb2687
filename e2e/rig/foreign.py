"""Clients and servers of other languages, which the Makefile builds under ``.tools``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rig.kinds import E2E


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
