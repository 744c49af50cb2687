"""RabbitMQ client manager for asyncio socketio servers."""

from socketio_aiopika._version import __version__

__all__ = ["__version__"]
