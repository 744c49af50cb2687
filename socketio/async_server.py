"""`AsyncServer` under the name that applications import."""

from ._async.server import AsyncServer

__all__ = ["AsyncServer"]
