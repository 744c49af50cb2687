"""Writes results.md from the raw data."""

from collections.abc import Iterator
from typing import Any

from benchmarks import targets
from benchmarks.cases import CASES, Case
from benchmarks.results import Results
from benchmarks.stacks import NODE, Stack

_INTRODUCTION = """\
# Benchmark results

Written by `make bench`; how to run and read it: `docs/how-to/run-the-benchmarks.md`.

One server process on one core, the load generator on another. A cost is the CPU time of the
server's process (user and system, from the kernel) divided by the messages completed in the
window; the number is the median of the rounds, the range is beside it. Servers take turns within
a round. Only ratios within one table mean something on another machine. The server program of ours
and of python-socketio is the same file; orjson is installed for both, ours uses it by itself. The
clients do not ask for websocket compression.
"""

_NOISY = 0.10
"""Share of one core that other programs may use before the report says so."""


def number(value: float | None) -> str:
    """Returns a number with three significant digits.

    Args:
        value: The number, or None.
    """
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yields the lines of a Markdown table; columns after the first are numbers.

    Args:
        head: Column names.
        rows: Cells.
    """
    yield "| " + " | ".join(head) + " |"
    yield "|" + "|".join([" --- "] + [" ---: "] * (len(head) - 1)) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def render(raw: dict[str, Any]) -> str:
    """Returns the whole report.

    Args:
        raw: The raw data, by case.
    """
    results = Results(raw)
    lines = [_INTRODUCTION]
    lines += _targets(results)
    for case in CASES:
        if case.name in raw:
            lines += _case(case, results)
    lines += _machine(raw)
    return "\n".join(lines).rstrip() + "\n"


def _targets(results: Results) -> Iterator[str]:
    comparisons = list(targets.compare(results))
    if not comparisons:
        return
    met = sum(one.met for one in comparisons)
    yield "## Targets\n"
    yield f"{met} of {len(comparisons)} comparisons are met.\n"
    head = ["Target", "Framework", "Case", "Ours", "Other", "Ratio", "Wanted", "Met"]
    rows = [
        [
            one.target,
            one.framework,
            one.point,
            number(one.ours),
            number(one.other),
            f"{one.ratio:.2f}",
            f"{'≥' if one.at_least else '≤'} {one.wanted:g}",
            "yes" if one.met else "**no**",
        ]
        for one in comparisons
    ]
    yield from table(head, rows)


def _case(case: Case, results: Results) -> Iterator[str]:
    entry = results.raw[case.name]
    yield f"## {case.title}\n"
    yield f"{case.about} Case `{case.name}`, {entry['when']},"
    yield f"commit {entry['commit']}.\n"
    if "missing" in entry:
        yield f"{entry['missing']}.\n"
    for point in results.points(case.name):
        yield f"### {case.title}: {point}\n"
        yield from _point(case, point, results)


_EXTRA = {
    "load": ("rate", "p50_us", "p99_us"),
    "cluster": ("cpu_us", "p50_us", "p99_us", "broker_percent"),
    "idle": ("before_mib",),
    "import": ("wall_ms", "mib"),
    "client": ("rate",),
}
_EXTRA_TITLES = {
    "rate": "per second",
    "cpu_us": "CPU µs of both servers per message",
    "broker_percent": "broker busy, % of a core",
    "p50_us": "p50, µs",
    "p99_us": "p99, µs",
    "before_mib": "process before, MiB",
    "wall_ms": "wall, ms",
    "mib": "memory, MiB",
}


def _point(case: Case, point: str, results: Results) -> Iterator[str]:
    loaded = case.kind in ("load", "cluster", "client")
    head = ["Server", case.unit, "range"]
    head += [_EXTRA_TITLES[name] for name in _EXTRA[case.kind]]
    head += ["server / load busy"] if loaded else []
    head += ["× python-socketio", "× Node", "cost / bare"]
    rows: list[list[str]] = []
    notes: list[str] = []
    for stack in results.stacks(case.name):
        values = results.figures(case.name, point, stack.name, case.measured)
        median = results.median(case.name, point, stack.name)
        row = [stack.title, number(median)]
        row += [f"{number(values[0])}–{number(values[-1])}" if values else "–"]
        for name in _EXTRA[case.kind]:
            row.append(number(results.median(case.name, point, stack.name, name)))
        if loaded:
            row.append(_busy(case, point, stack, results))
        rows.append(row + _ratios(case, point, stack, results))
        notes += _notes(case, point, stack, results)
    # a column that says nothing in this table is left out
    kept = [i for i in range(len(head)) if i < 2 or any(row[i] for row in rows)]
    yield from table([head[i] for i in kept], [[row[i] for i in kept] for row in rows])
    yield from notes
    if notes:
        yield ""


def _busy(case: Case, point: str, stack: Stack, results: Results) -> str:
    server = results.median(case.name, point, stack.name, "server_share")
    load = results.median(case.name, point, stack.name, "load_share")
    if server is None or load is None:
        return "–"
    return f"{server:.0%} / {load:.0%}"


def _ratios(case: Case, point: str, stack: Stack, results: Results) -> list[str]:
    ours = results.median(case.name, point, stack.name)
    if stack.library != "ours" or not ours:
        return ["", "", ""]
    cells = []
    for other in (f"peer:{stack.framework}", NODE[0].name, f"bare:{stack.framework}"):
        theirs = results.median(case.name, point, other)
        if not theirs:
            cells.append("")
            continue
        speed = ours / theirs if results.is_rate(case.name) else theirs / ours
        cells.append(f"{1 / speed if other.startswith('bare') else speed:.2f}")
    return cells


def _notes(case: Case, point: str, stack: Stack, results: Results) -> Iterator[str]:
    for error in results.errors(case.name, point, stack.name):
        lines = [line for line in error.splitlines() if line.strip()]
        # the first says what failed, the last, of the server's log, mostly why
        what = " … ".join(dict.fromkeys([lines[0], lines[-1]]))
        yield f"- {stack.title}: a run failed: `{what}`"
    bottlenecks = results.figures(case.name, point, stack.name, "bottleneck")
    if any(bottlenecks):
        yield (
            f"- {stack.title}: the load generator was the bottleneck in "
            f"{sum(map(bool, bottlenecks))} of {len(bottlenecks)} rounds; the server could do more."
        )
    others = results.figures(case.name, point, stack.name, "others_share")
    if others and others[-1] > _NOISY:
        yield (f"- {stack.title}: other programs used up to {others[-1]:.0%} of a core meanwhile.")


def _machine(raw: dict[str, Any]) -> Iterator[str]:
    yield "## Machine and versions\n"
    seen: dict[str, list[str]] = {}
    for name, entry in raw.items():
        facts = {**entry["machine"], **entry["versions"]}
        text = "\n".join(f"- {key}: {value}" for key, value in facts.items())
        seen.setdefault(text, []).append(name)
    for text, names in seen.items():
        if len(seen) > 1:
            yield f"Cases {', '.join(names)}:\n"
        yield text + "\n"
