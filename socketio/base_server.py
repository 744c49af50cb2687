# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from .server.base_server import BaseServer

__all__ = ["BaseServer"]
