"""The version of socketio-redis, read by its build."""

__version__ = "0.1.0"
