"""The version of socketio-kafka, read by its build."""

__version__ = "1.0.0"
