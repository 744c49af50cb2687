"""The version of socketio-web, read by its build."""

__version__ = "0.1.0"
