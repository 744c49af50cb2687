"""The class-based namespaces of the synchronous flavour, as applications import them."""

from ._sync.client_namespace import ClientNamespace
from ._sync.namespace import Namespace

__all__ = ["ClientNamespace", "Namespace"]
