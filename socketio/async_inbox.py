# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from .bus.async_inbox import AsyncInbox

__all__ = ["AsyncInbox"]
