"""`InstrumentedAsyncServer` under the name that applications import."""

from ._async.admin import InstrumentedAsyncServer

__all__ = ["InstrumentedAsyncServer"]
