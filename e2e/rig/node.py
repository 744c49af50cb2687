"""The JavaScript client in Node: one process for all scenarios of a test session."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
from typing import Any

from rig.kinds import E2E

DEADLINE = 30.0
"""Seconds for one scenario; each has shorter ones of its own."""


class ScenarioError(AssertionError):
    """A scenario failed in JavaScript."""


class Scenario:
    """A scenario that is running in Node."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()

    def _next(self) -> dict[str, Any]:
        try:
            line = self.lines.get(timeout=DEADLINE)
        except queue.Empty as error:
            raise ScenarioError(f"{self.name}: Node said nothing for {DEADLINE} s") from error
        if "error" in line:
            raise ScenarioError(f"{self.name}: {line['error']}")
        return line

    def progress(self, name: str) -> None:
        """Wait until the scenario has come to the place called ``name``."""
        line = self._next()
        assert line.get("progress") == name, line

    def result(self) -> Any:
        """Wait for the end and return what the scenario saw."""
        line = self._next()
        assert "result" in line, line
        return line["result"]


class NodeClient:
    """Runs scenarios of ``js/scenarios.mjs``.

    Args:
        node: path of the Node executable.
    """

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, str(E2E / "js" / "driver.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._running: dict[int, Scenario] = {}
        self._ids = itertools.count(1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            self._running[answer["id"]].lines.put(answer)
        for scenario in self._running.values():
            scenario.lines.put({"error": "Node ended"})

    def start(self, scenario: str, url: str, **options: Any) -> Scenario:
        """Start a scenario; bytes in ``options`` arrive as Buffers."""
        number = next(self._ids)
        self._running[number] = running = Scenario(scenario)
        request = {"id": number, "scenario": scenario, "url": url, **options}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(to_wire(request)) + "\n")
        self._process.stdin.flush()
        return running

    def run(self, scenario: str, url: str, **options: Any) -> Any:
        """Run a scenario to its end and return what it saw."""
        return from_wire(self.start(scenario, url, **options).result())

    def close(self) -> None:
        """End Node."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self._process.stdout.close()


def to_wire(value: Any) -> Any:
    """Return ``value`` with every bytes object written as ``{"$binary": hex}``."""
    if isinstance(value, bytes):
        return {"$binary": value.hex()}
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_wire(item) for item in value]
    return value


def from_wire(value: Any) -> Any:
    """Undo ``to_wire``."""
    if isinstance(value, dict):
        if value.keys() == {"$binary"}:
            return bytes.fromhex(value["$binary"])
        return {key: from_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    return value
