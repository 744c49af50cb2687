"""A task in the background tells everybody how often it has run. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


def background_thread(name):
    count = 0
    while True:
        sio.sleep(0.05)
        count += 1
        sio.emit("my_response", {"from": name, "count": count})


if __name__ == "__main__":
    sio.start_background_task(background_thread, "the background")
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
