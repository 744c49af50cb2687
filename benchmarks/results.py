"""Medians of the raw data."""

from typing import Any

from benchmarks.cases import BY_NAME
from benchmarks.stacks import Stack


class Results:
    """Looks figures up by case, point and server.

    Args:
        raw: The raw data, by case.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw

    def points(self, case: str) -> list[str]:
        """Returns the labels of the measured points of a case.

        Args:
            case: Its name.
        """
        labels = dict.fromkeys(run["point"] for run in self._runs(case))
        return list(labels)

    def stacks(self, case: str) -> list[Stack]:
        """Returns the measured servers of a case.

        Args:
            case: Its name.
        """
        measured = {run["stack"] for run in self._runs(case)}
        return [stack for stack in BY_NAME[case].stacks if stack.name in measured]

    def is_rate(self, case: str) -> bool:
        """Returns whether more is better in a case.

        Args:
            case: Its name.
        """
        return BY_NAME[case].measured == "rate"

    def figures(self, case: str, point: str, stack: str, name: str) -> list[float]:
        """Returns one figure of every successful run, sorted.

        Args:
            case: Name of the case.
            point: Label of the point.
            stack: Name of the server.
            name: Name of the figure.
        """
        return sorted(
            run["figures"][name]
            for run in self._runs(case)
            if run["point"] == point and run["stack"] == stack and name in run.get("figures", {})
        )

    def errors(self, case: str, point: str, stack: str) -> list[str]:
        """Returns the errors of the failed runs.

        Args:
            case: Name of the case.
            point: Label of the point.
            stack: Name of the server.
        """
        return [
            run["error"]
            for run in self._runs(case)
            if run["point"] == point and run["stack"] == stack and "error" in run
        ]

    def median(self, case: str, point: str, stack: str, name: str = "") -> float | None:
        """Returns the median of a figure, or None if nothing was measured.

        Args:
            case: Name of the case.
            point: Label of the point.
            stack: Name of the server.
            name: Name of the figure; by default the one that the case is about.
        """
        values = self.figures(case, point, stack, name or BY_NAME[case].measured)
        if not values:
            return None
        middle = len(values) // 2
        return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2

    def _runs(self, case: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.raw.get(case, {}).get("runs", [])
        return runs
