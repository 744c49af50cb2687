"""A client with one handler for every event that has none. `python client.py [URL]`."""

import sys
import threading

import socketio

sio = socketio.Client()
came = threading.Semaphore(0)


@sio.event
def connect():
    print("connected", flush=True)


@sio.on("*")
def catch_all(event, data):
    print(f"{event}: {data}", flush=True)
    came.release()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
for event in ("whatever you like", "known"):
    sio.emit(event, "data")
    came.acquire(timeout=10)
sio.disconnect()
