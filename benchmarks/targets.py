"""What the project wants to reach, and whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import stacks
from benchmarks.results import Results

_WEBSOCKET_CASES = ("echo", "broadcast", "burst", "rooms", "binary", "ack", "connect")
_NOT_WEBSOCKET_POINTS = ("polling, upgraded",)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One number of ours beside one of another.

    Args:
        target: Which target it belongs to.
        framework: Where ours runs.
        point: Case and setting.
        ours: Our median.
        other: The other's median.
        ratio: As the target states it.
        wanted: The bound.
        at_least: Whether the bound is the least or the most.
    """

    target: str
    framework: str
    point: str
    ours: float
    other: float
    ratio: float
    wanted: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the target is reached here."""
        return self.ratio >= self.wanted if self.at_least else self.ratio <= self.wanted


def _compare(
    results: Results,
    target: str,
    *,
    case: str,
    other: str,
    wanted: float,
    points: tuple[str, ...] | None = None,
    frameworks: tuple[str, ...] | None = None,
    as_cost: bool = False,
) -> Iterator[Comparison]:
    """Compares every one of our servers of a case with another.

    Args:
        results: All medians.
        target: Which target this belongs to.
        case: Name of the case.
        other: Library compared with; `node` for any framework, else in the same framework.
        wanted: The bound.
        points: Labels of the points that count, None for all.
        frameworks: Ours that count, None for all.
        as_cost: State our cost relative to the other's (at most), not our speed (at least).
    """
    for point in results.points(case):
        if points is not None and point not in points:
            continue
        for stack in results.stacks(case):
            if stack.library != "ours" or (frameworks and stack.framework not in frameworks):
                continue
            beside = stacks.NODE[0].name if other == "node" else f"{other}:{stack.framework}"
            ours = results.median(case, point, stack.name)
            theirs = results.median(case, point, beside)
            if ours is None or theirs is None or ours <= 0 or theirs <= 0:
                continue
            cost = theirs / ours if results.is_rate(case) else ours / theirs
            yield Comparison(
                target=target,
                framework=stack.framework,
                point=f"{case}, {point}",
                ours=ours,
                other=theirs,
                ratio=cost if as_cost else 1 / cost,
                wanted=wanted,
                at_least=not as_cost,
            )


def _growth(results: Results, case: str) -> Iterator[Comparison]:
    for stack in results.stacks(case):
        small = results.median(case, "100 clients", stack.name)
        large = results.median(case, "10,000 clients", stack.name)
        if stack.library == "ours" and small and large:
            yield Comparison(
                target="cost per message at 10,000 clients against 100",
                framework=stack.framework,
                point=case,
                ours=large,
                other=small,
                ratio=large / small,
                wanted=1.3,
                at_least=False,
            )


def compare(results: Results) -> Iterator[Comparison]:
    """Yields every comparison that a target asks for and that was measured.

    Args:
        results: All medians.
    """
    versus = "against python-socketio: "
    for case, wanted in (("echo", 6), ("broadcast", 5), ("ack", 5), ("connect", 2)):
        yield from _compare(results, versus + case, case=case, other="peer", wanted=wanted)
    yield from _compare(
        results,
        versus + "memory per connection",
        case="idle",
        other="peer",
        wanted=0.7,
        as_cost=True,
    )
    yield from _compare(
        results,
        versus + "Redis throughput",
        case="redis",
        other="peer",
        wanted=5,
        points=("64 in flight",),
    )
    yield from _compare(
        results,
        versus + "import time",
        case="import",
        other="peer",
        wanted=0.35,
        as_cost=True,
        points=("import socketio",),
    )
    for case in ("threading", "gevent"):
        yield from _compare(results, f"{versus}{case} echo", case=case, other="peer", wanted=3)
    for case in _WEBSOCKET_CASES:
        points = tuple(one for one in results.points(case) if one not in _NOT_WEBSOCKET_POINTS)
        yield from _compare(
            results,
            "against Node's socket.io",
            case=case,
            other="node",
            points=points,
            wanted=1.3 if case == "echo" else 1.0,
            frameworks=("aiohttp", "aiohttp+uvloop"),
        )
    for case, bound in (("echo", 1.6), ("broadcast", 1.4)):
        yield from _compare(
            results,
            "cost against the bare websocket",
            case=case,
            other="bare",
            wanted=bound,
            as_cost=True,
        )
    for case in ("growth-echo", "growth-broadcast"):
        yield from _growth(results, case)
