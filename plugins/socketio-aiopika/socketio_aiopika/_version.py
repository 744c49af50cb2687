"""The version of socketio-aiopika, read by its build."""

__version__ = "0.1.0"
