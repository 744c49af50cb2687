"""Redis and Valkey client managers for socketio: many server processes as one."""

from socketio_redis._version import __version__

__all__ = ["__version__"]
