"""`AsyncSimpleClient` under the name that applications import."""

from ._async.simple_client import AsyncSimpleClient

__all__ = ["AsyncSimpleClient"]
