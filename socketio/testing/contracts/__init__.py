"""Suites of tests that every implementation of a seam passes: the built-ins and every plugin.

A plugin's tests subclass a suite and say how to make the thing under test; pytest does the rest.
A test may be overridden only by `xfail` with a reason.

* `ManagerContract`: client managers, one process or several
* `BusContract`: what managers that use a message broker do with what is on their channel
* `BrokerFaultContract`: what they do when the broker stops, falls silent or comes back
"""

import pytest

# Before the suites are imported: their failures then show the values, as those of tests do.
for _module in ("broker_faults", "bus", "cluster", "managers", "processes"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from .broker_faults import BrokerFaultContract  # noqa: E402  # see above
from .bus import BusContract  # noqa: E402
from .managers import ManagerContract  # noqa: E402

__all__ = ["BrokerFaultContract", "BusContract", "ManagerContract"]
