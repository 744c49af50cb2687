"""The client of the first pages: answers until the server ends it. `python client.py [URL]`."""

import sys

import socketio

sio = socketio.Client()


@sio.event
def connect():
    print("connection established", flush=True)


@sio.event
def my_message(data):
    print("message received with", data, flush=True)
    sio.emit("my response", {"response": "my response"})


@sio.event
def disconnect():
    print("disconnected from server", flush=True)


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
sio.wait()
