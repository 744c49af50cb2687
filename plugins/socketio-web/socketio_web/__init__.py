"""Web frameworks and servers for socketio, each behind an extra of its own."""

from socketio_web._version import __version__

__all__ = ["__version__"]
