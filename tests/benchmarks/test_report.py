"""The benchmarks' arithmetic: medians, ratios and which way a target points."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])


def run(stack: str, point: str, **figures: Any) -> dict[str, Any]:
    return {"stack": stack, "point": point, "round": 0, "figures": figures}


def raw(case: str, *runs: dict[str, Any]) -> dict[str, Any]:
    return {
        case: {"when": "now", "commit": "abc", "machine": {}, "versions": {}, "runs": list(runs)}
    }


def test_the_median_of_an_even_number_of_rounds_is_between_the_middle_two() -> None:
    from benchmarks.results import Results

    values = [run("ours:aiohttp", "1 in flight", cpu_us=cost) for cost in (9.0, 1.0, 2.0, 4.0)]
    assert Results(raw("echo", *values)).median("echo", "1 in flight", "ours:aiohttp") == 3.0


def test_a_cost_is_compared_as_speed_against_the_peer_and_as_cost_against_the_bare() -> None:
    from benchmarks import targets
    from benchmarks.results import Results

    data = raw(
        "echo",
        run("ours:aiohttp", "1 in flight", cpu_us=15.0),
        run("peer:aiohttp", "1 in flight", cpu_us=120.0),
        run("bare:aiohttp", "1 in flight", cpu_us=10.0),
        run("node:ws", "1 in flight", cpu_us=18.0),
    )
    found = {one.target: (one.ratio, one.met) for one in targets.compare(Results(data))}
    assert found["against python-socketio: echo"] == (pytest.approx(8.0), True)
    assert found["cost against the bare websocket"] == (pytest.approx(1.5), True)
    assert found["against Node's socket.io"] == (pytest.approx(1.2), False)


def test_a_rate_is_better_when_it_is_more() -> None:
    from benchmarks import targets
    from benchmarks.results import Results

    data = raw(
        "redis",
        run("ours:uvicorn+uvloop", "64 in flight", rate=6000.0),
        run("peer:uvicorn+uvloop", "64 in flight", rate=1500.0),
    )
    (only,) = targets.compare(Results(data))
    assert (only.ratio, only.met) == (pytest.approx(4.0), False)


def test_growth_is_the_cost_of_many_clients_over_that_of_few() -> None:
    from benchmarks import targets
    from benchmarks.results import Results

    data = raw(
        "growth-echo",
        run("ours:aiohttp", "100 clients", cpu_us=10.0),
        run("ours:aiohttp", "10,000 clients", cpu_us=12.0),
    )
    (only,) = targets.compare(Results(data))
    assert (only.ratio, only.met) == (pytest.approx(1.2), True)


def test_failures_bottlenecks_and_noise_are_said_in_the_report() -> None:
    from benchmarks import report

    figures = {
        "cpu_us": 3.0, "rate": 1.0, "p50_us": 1.0, "p99_us": 1.0, "load_share": 0.95,
        "server_share": 0.9, "bottleneck": True, "others_share": 0.4,
    }  # fmt: skip
    data = raw(
        "echo",
        run("ours:aiohttp", "1 in flight", **figures),
        {"stack": "peer:aiohttp", "point": "1 in flight", "round": 0, "error": "it broke\nmore"},
    )
    text = report.render(data)
    assert "a run failed: `it broke … more`" in text
    assert "the load generator was the bottleneck in 1 of 1 rounds" in text
    assert "other programs used up to 40% of a core" in text
