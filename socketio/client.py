"""`Client` under the name that applications import."""

from ._sync.client import Client

__all__ = ["Client"]
