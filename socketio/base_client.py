# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; their code is elsewhere."""

from .client.base_client import BaseClient, reconnecting_clients

__all__ = ["BaseClient", "reconnecting_clients"]
