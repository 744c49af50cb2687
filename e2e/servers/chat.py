"""The chat example, loaded from its folder, with its port told to the tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

CHAT = Path(__file__).parents[2] / "examples" / "chat"


def load() -> ModuleType:
    """Return the example's `server` module."""
    sys.path.insert(0, str(CHAT))
    import server

    return server
