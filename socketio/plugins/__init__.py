"""What a plugin imports: the hook markers and the entries; and the registry that reads them.

Importing this pulls in pluggy and a few modules of the standard library, no more, so that a
`plugin.py` that only declares costs nothing.
"""

from __future__ import annotations

# First, and also done by `socketio/__init__.py`: where python-socketio was installed after us, that
# file is its own.
from socketio import _environment  # noqa: F401  # importing it refuses python-socketio beside us
from socketio.exceptions import PluginError, PluginWarning

from .hookspec import HOOK_API, hookimpl, hookspec
from .registry import PluginRegistry, get_registry
from .report import PluginReport
from .types import (
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    Flavour,
    SerializerEntry,
    TransportEntry,
)

__all__ = [
    "HOOK_API",
    "AsyncModeEntry",
    "AttachmentEntry",
    "ClientManagerEntry",
    "Flavour",
    "PluginError",
    "PluginRegistry",
    "PluginReport",
    "PluginWarning",
    "SerializerEntry",
    "TransportEntry",
    "get_registry",
    "hookimpl",
    "hookspec",
]
