"""Makes `tools/brokers` importable for the tests of this plugin."""

import gc
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))

# kafka-python reads its schemas through functions that Python 3.11 declares obsolete; under the
# tests' rule that every warning is an error it could not even be imported.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka.admin  # noqa: F401  # imported for the side effect


@pytest.fixture(autouse=True)
def forgotten_connections() -> Iterator[None]:
    """Collect what the client libraries have forgotten within the test that made them forget it.

    Both leave connections to the garbage collector that are cut, or given up, while they open
    them; it would come in any later test, of whatever plugin. That ours are closed is what
    `test_a_broker_that_is_away_leaves_no_sockets_open` counts.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
