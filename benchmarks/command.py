"""The command line: runs the cases, interleaved, and writes the report."""

import argparse
import datetime
import json
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from benchmarks import brokers, folded, machine, measure, report
from benchmarks.cases import BY_NAME, CASES, Case, Point
from benchmarks.install import InstallError, alone, install
from benchmarks.loadrun import LoadError
from benchmarks.paths import BUILD, PROFILES, RAW, RESULTS
from benchmarks.processes import ServerError
from benchmarks.stacks import Stack

ROUNDS = 3
_QUICK_CLIENTS = 5_000
"""Points with more clients than this take too long for `--quick`."""

Runs = list[dict[str, Any]]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parses the command line.

    Args:
        arguments: Without the program; None takes the process's own.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py", description="Measures socketio side by side with its peers."
    )
    parser.add_argument("--quick", action="store_true", help="one short round; numbers are rough")
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="this case")
    parser.add_argument(
        "--stacks",
        default="",
        help="only servers whose name contains one of these, separated by commas",
    )
    parser.add_argument("--rounds", type=int, help=f"rounds per case (default {ROUNDS})")
    parser.add_argument("--profile", action="store_true", help="record py-spy profiles instead")
    parser.add_argument("--report", action="store_true", help="only write the report anew")
    parser.add_argument("--list", action="store_true", help="list the cases and their servers")
    known = parser.parse_args(arguments)
    for name in known.only:
        if name not in BY_NAME:
            parser.error(f"no case {name}; the cases are {', '.join(BY_NAME)}")
    return known


def _select(case: Case, options: argparse.Namespace) -> tuple[list[Point], list[Stack]]:
    parts = options.stacks.split(",")
    stacks = [stack for stack in case.stacks if any(part in stack.name for part in parts)]
    points = list(case.points)
    if options.quick:
        points = [point.quick() for point in points if point.clients <= _QUICK_CLIENTS]
    return points, stacks


def _measure(
    case: Case,
    point: Point,
    stack: Stack,
    options: argparse.Namespace,
    broker: brokers.Broker | None,
) -> measure.Figures:
    match case.kind:
        case "load":
            return measure.load(case, point, stack, profile=options.profile)
        case "idle":
            return measure.idle(case, point, stack)
        case "import":
            return measure.imports(case, point, stack)
        case "client":
            return measure.client(case, point, stack)
        case "cluster":
            assert broker is not None  # run_case starts one for these cases
            return measure.cluster(case, point, stack, broker)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run_case(case: Case, options: argparse.Namespace) -> Runs:
    """Measures every server at every point, round after round.

    Args:
        case: The case.
        options: The command line.

    Returns:
        One entry per run; a run that failed has its error instead of figures.
    """
    points, stacks = _select(case, options)
    stacks = [stack for stack in stacks if not stack.missing]
    rounds = options.rounds or (1 if options.quick or options.profile else ROUNDS)
    runs: Runs = []
    context: AbstractContextManager[brokers.Broker | None] = nullcontext()
    if case.broker:
        context = brokers.BROKERS[case.broker]()
    with context as broker:
        for number in range(rounds):
            for point in points:
                for stack in stacks:
                    run: dict[str, Any] = {
                        "point": point.label,
                        "stack": stack.name,
                        "round": number,
                    }
                    name = f"{case.name}, {point.label}, {stack.name}, {number + 1}/{rounds}"
                    try:
                        figures = _measure(case, point, stack, options, broker)
                        run["figures"] = figures
                        _say(f"{name}: {figures[case.measured]:.1f} {case.unit}")
                    except (LoadError, ServerError, OSError, subprocess.SubprocessError) as error:
                        run["error"] = str(error)
                        _say(f"{name}: FAILED: {error}")
                    runs.append(run)
    return runs


def _read_raw() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(RAW.read_text()) if RAW.exists() else {}
    return raw


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmarks.

    Args:
        arguments: Command line without the program.

    Returns:
        Exit code: 0, or 1 if a run failed or something could not be installed.
    """
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` ends the servers
    cases = [BY_NAME[name] for name in options.only] or list(CASES)
    if options.list:
        for case in cases:
            print(f"{case.name}: {', '.join(stack.name for stack in case.stacks)}")
        return 0
    if options.report:
        RESULTS.write_text(report.render(_read_raw()))
        return 0
    try:
        with alone():
            return _run(cases, options)
    except InstallError as error:
        _say(str(error))
        return 1


def _run(cases: list[Case], options: argparse.Namespace) -> int:
    raw: dict[str, Any] = {} if options.quick or options.stacks else _read_raw()
    began, started = time.monotonic(), time.time()
    _say("installing what is measured")
    libraries = {stack.library for case in cases for stack in _select(case, options)[1]}
    for line in install(libraries):
        _say(line)
    facts, versions, commit = machine.facts(), machine.versions(), machine.commit()
    failed = 0
    for case in cases:
        entry: dict[str, Any] = {
            "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
            "commit": commit,
            "machine": facts,
            "versions": versions,
            "runs": [],
        }
        try:
            entry["runs"] = run_case(case, options)
        except brokers.NoBrokerError as error:
            entry["missing"] = str(error)
            _say(f"{case.name}: {error}")
        failed += sum("error" in run for run in entry["runs"])
        raw[case.name] = entry
        if not options.quick and not options.profile and not options.stacks:
            RAW.write_text(json.dumps(raw, indent=1))
            RESULTS.write_text(report.render(raw))
    if options.profile:
        for path in sorted(PROFILES.glob("*.folded")):
            if path.stat().st_mtime > started:
                print(f"{path.name}\n{folded.summarise(path)}\n")
        _say(f"folded stacks, for a flame graph, are in {PROFILES}")
    elif options.quick or options.stacks:
        text = report.render(raw)
        (BUILD / "partial.md").write_text(text)
        print(text)
    _say(f"{time.monotonic() - began:.0f} s, {failed} runs failed")
    return 1 if failed else 0
