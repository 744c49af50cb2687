"""Waits in a room for what another process says. `python client.py [URL]`."""

import sys

import socketio

sio = socketio.Client()


@sio.on("my event")
def my_event(data):
    print("from outside:", data, flush=True)
    sio.disconnect()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
print(sio.call("join", "my room"), flush=True)
sio.wait()
