"""The class-based namespaces of the asyncio flavour, as applications import them."""

from ._async.client_namespace import AsyncClientNamespace
from ._async.namespace import AsyncNamespace

__all__ = ["AsyncClientNamespace", "AsyncNamespace"]
