"""Is refused twice, and let in. `python client.py [URL]`."""

import sys

import socketio

sio = socketio.Client()


@sio.event
def connect():
    print("I'm connected!", flush=True)


@sio.event
def connect_error(data):
    print("The connection failed!", data["message"], data.get("data"), flush=True)


@sio.event
def disconnect():
    print("I'm disconnected!", flush=True)


for auth in (None, {"token": "wrong"}, {"token": "right"}):
    try:
        sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000", auth=auth)
    except socketio.exceptions.ConnectionError:
        print("refused", flush=True)
sio.disconnect()
