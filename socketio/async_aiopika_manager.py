# Written from socketio/_names.py by tools/root_names.py, do not edit.
"""Names that applications import from here; a plugin provides them."""

from .plugins.public_names import of_module

__getattr__ = of_module(__name__, "AsyncAioPikaManager")
