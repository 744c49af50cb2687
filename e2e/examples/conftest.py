"""Makes `tools/brokers` importable for the example that needs a message queue."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
