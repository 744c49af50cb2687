"""Counts what comes, and ends by a task of its own. `python client.py [URL]`."""

import sys

import socketio

sio = socketio.Client()
counts = []


@sio.event
def my_response(data):
    counts.append(data["count"])
    if len(counts) == 1:
        print("from", data["from"], flush=True)


def my_background_task(enough):
    while len(counts) < enough:
        sio.sleep(0.01)
    print("in order:", counts == sorted(counts), flush=True)
    sio.disconnect()


sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
task = sio.start_background_task(my_background_task, 5)
sio.wait()
task.join()
print("done", flush=True)
