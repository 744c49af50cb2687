"""The version of socketio-kombu, read by its build."""

__version__ = "1.0.0"
