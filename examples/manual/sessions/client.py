"""Says who it is once, and is known from then on. `python client.py [URL]`."""

import sys
import threading

import socketio

sio = socketio.Client()
arrived = threading.Semaphore(0)


@sio.event
def message(data):
    print(data, flush=True)
    arrived.release()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000", auth={"username": "ada"})
sio.send("hello")
arrived.acquire(timeout=10)
print("renamed from", sio.call("rename", "countess"), flush=True)
sio.send("hello again")
arrived.acquire(timeout=10)
sio.disconnect()
