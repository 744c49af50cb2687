"""Makes `tools/brokers` importable for the tests of this plugin."""

import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

# kafka-python reads its schemas through functions that Python 3.11 declares obsolete; under the
# tests' rule that every warning is an error it could not even be imported.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka.admin  # noqa: F401  # imported for the side effect
