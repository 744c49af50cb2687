"""Acknowledgements in both directions. `python client.py [URL]`."""

import sys
import threading

import socketio

sio = socketio.Client()
done = threading.Semaphore(0)


@sio.event
def question(text):
    print("asked:", text, flush=True)
    return "fine", 7


@sio.event
def you_said(*values):
    print("the server heard:", *values, flush=True)
    done.release()


def answered(*values):
    print("answered:", *values, flush=True)
    done.release()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
sio.emit("my_event", {"foo": "bar"}, callback=answered)
done.acquire(timeout=10)
print("called:", *sio.call("my_event", {"foo": "baz"}), flush=True)
sio.emit("ask_me")
done.acquire(timeout=10)
print("the server heard in its handler:", *sio.call("call_me"), flush=True)
sio.disconnect()
