"""`AsyncManager` under the name that applications import."""

from ._async.manager import AsyncManager

__all__ = ["AsyncManager"]
