"""Apache Kafka client managers for socketio."""

from socketio_kafka._version import __version__

__all__ = ["__version__"]
