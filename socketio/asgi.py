# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from .web.asgi_app import ASGIApp

__all__ = ["ASGIApp"]
