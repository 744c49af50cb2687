"""The version of socketio-redis, read by its build."""

__version__ = "1.0.0"
