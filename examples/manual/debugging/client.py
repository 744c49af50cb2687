"""Writes what it does to standard error. `python client.py [URL]`."""

import sys

import socketio

sio = socketio.Client(logger=True, engineio_logger=True)
sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
print(sio.call("hello"), flush=True)
sio.disconnect()
