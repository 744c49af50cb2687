"""`InstrumentedServer` under the name that applications import."""

from ._sync.admin import InstrumentedServer

__all__ = ["InstrumentedServer"]
