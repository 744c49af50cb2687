"""Two namespaces on one connection; the handlers say which. `python client.py [URL]`."""

import sys
import threading

import socketio

sio = socketio.Client()
replied = threading.Semaphore(0)


@sio.on("connect", namespace="/chat")
def on_connect():
    print("I'm connected to the /chat namespace!", flush=True)


@sio.event(namespace="/chat")
def reply(data):
    print("in /chat:", data, flush=True)
    replied.release()


@sio.on("reply", namespace="/news")
def on_reply(data):
    print("in /news:", data, flush=True)
    replied.release()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
sio.emit("my_custom_event", "bar", namespace="/chat")
replied.acquire(timeout=10)
sio.emit("my custom event", "today", namespace="/news")
replied.acquire(timeout=10)
print("namespaces:", *sorted(sio.namespaces), flush=True)
print("ids differ:", sio.get_sid("/chat") != sio.get_sid("/news"), flush=True)
sio.disconnect()
