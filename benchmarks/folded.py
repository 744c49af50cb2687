"""Summaries of py-spy's folded stacks."""

import re
from collections import Counter
from pathlib import Path


def summarise(path: Path, count: int = 25) -> str:
    """Returns the functions that a profile spent its time in.

    Args:
        path: File of folded stacks: frames joined by `;`, a space, the number of samples.
        count: How many functions to list.

    Returns:
        One line per function: share of the samples where it was running itself, share where it or
        something it called was running, its name and file.
    """
    own: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    total = 0
    for line in path.read_text().splitlines():
        stack, _, samples = line.rpartition(" ")
        # a function's lines are one function here: "name (file:line)" becomes "name (file)"
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        total += int(samples)
        own[frames[-1]] += int(samples)
        for frame in set(frames):
            inclusive[frame] += int(samples)
    if not total:
        return "no samples"
    lines = [f"{total} samples; own share, share with what it called, function"]
    for frame, running in own.most_common(count):
        lines.append(f"{running / total:6.1%} {inclusive[frame] / total:6.1%}  {frame}")
    return "\n".join(lines)
