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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the client libraries forget connections, which is not for this plugin to mend.

    Both leave those to the garbage collector that are cut, or given up, while they open them. That
    ours are closed is what `test_a_broker_that_is_away_leaves_no_sockets_open` counts.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(autouse=True)
def forgotten_connections() -> Iterator[None]:
    """Collect what the client libraries have forgotten within the test that made them forget it.

    The garbage collector would come in any later test, of whatever plugin.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
