"""Emits to a room from a process that is no server. `python emit.py [REDIS-URL]`."""

import sys

import socketio

queue = sys.argv[1] if sys.argv[1:] else "redis://localhost:6379/0"
external_sio = socketio.RedisManager(queue, write_only=True)
external_sio.emit("my event", data={"foo": "bar"}, room="my room")
