"""Client manager for socketio over any broker that kombu speaks to, RabbitMQ first."""

from socketio_kombu._version import __version__

__all__ = ["__version__"]
