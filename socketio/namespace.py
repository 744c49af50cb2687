# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from ._sync.client_namespace import ClientNamespace
from ._sync.namespace import Namespace

__all__ = ["ClientNamespace", "Namespace"]
