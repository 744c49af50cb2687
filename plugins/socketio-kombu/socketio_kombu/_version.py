"""The version of socketio-kombu, read by its build."""

__version__ = "0.1.0"
