"""The version of socketio-web, read by its build."""

__version__ = "1.0.0"
