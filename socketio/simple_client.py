# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from ._sync.simple_client import SimpleClient

__all__ = ["SimpleClient"]
