"""`AsyncClient` under the name that applications import."""

from ._async.client import AsyncClient

__all__ = ["AsyncClient"]
