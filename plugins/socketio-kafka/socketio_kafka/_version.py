"""The version of socketio-kafka, read by its build."""

__version__ = "0.1.0"
