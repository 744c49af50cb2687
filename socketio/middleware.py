# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from .web.wsgi_app import Middleware, WSGIApp

__all__ = ["Middleware", "WSGIApp"]
