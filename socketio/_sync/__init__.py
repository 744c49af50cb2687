# Generated from socketio/_async/__init__.py by tools/unasync.py, do not edit.
"""The asyncio flavour of servers, clients, namespaces and managers."""
