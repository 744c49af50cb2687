# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from .server.base_manager import BaseManager

__all__ = ["BaseManager"]
