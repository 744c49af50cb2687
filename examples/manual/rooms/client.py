"""Two people in a chat room: who hears what? `python client.py [URL]`."""

import sys
import threading

import socketio

url = sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000"
heard = threading.Semaphore(0)


def visitor(name):
    sio = socketio.Client()

    @sio.on("my reply")
    def my_reply(data):
        print(f"{name} hears {data!r}", flush=True)
        heard.release()

    @sio.event
    def announcement(data):
        heard.release()

    sio.connect(url)
    return sio


ada, bob = visitor("ada"), visitor("bob")
print("rooms of ada:", ada.call("begin_chat"), flush=True)
print("rooms of bob:", bob.call("begin_chat"), flush=True)
ada.emit("my_message", "hello")
heard.acquire(timeout=10)
bob.emit("my_message", "good day")
heard.acquire(timeout=10)
print("rooms of bob:", bob.call("exit_chat"), flush=True)
ada.emit("my_message", "anybody here?")
ada.emit("announce", "the end")
heard.acquire(timeout=10)
heard.acquire(timeout=10)
print("both heard the announcement", flush=True)
ada.disconnect()
bob.disconnect()
