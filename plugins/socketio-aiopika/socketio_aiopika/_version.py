"""The version of socketio-aiopika, read by its build."""

__version__ = "1.0.0"
