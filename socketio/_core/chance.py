"""Chance, for delays that are not to be the same for all.

It is the operating system's: the sequence of `random`, which an application may have seeded, stays
the application's, and children of a fork do not all wait equally long.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

uniform: Final[Callable[[float, float], float]] = random.SystemRandom().uniform
"""Return a number between two others."""
