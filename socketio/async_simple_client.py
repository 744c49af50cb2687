# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from ._async.simple_client import AsyncSimpleClient

__all__ = ["AsyncSimpleClient"]
