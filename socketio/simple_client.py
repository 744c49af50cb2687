"""`SimpleClient` under the name that applications import."""

from ._sync.simple_client import SimpleClient

__all__ = ["SimpleClient"]
