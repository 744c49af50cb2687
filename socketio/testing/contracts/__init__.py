"""Suites of tests that every implementation of a seam passes: the built-ins and every plugin.

A plugin's tests subclass a suite and say how to make the thing under test; pytest does the rest.
A test may be overridden only by `xfail` with a reason.

* `ManagerContract`: client managers, one process or several
* `BusContract`: what managers that use a message broker do with what is on their channel
* `BrokerFaultContract`: what they do when the broker stops, falls silent or comes back
"""

from .broker_faults import BrokerFaultContract
from .bus import BusContract
from .managers import ManagerContract

__all__ = ["BrokerFaultContract", "BusContract", "ManagerContract"]
