"""One handler for every event that has none. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.on("*")
def catch_all(event, sid, data):
    sio.emit(f"caught {event}", data, to=sid)


@sio.event
def known(sid, data):
    sio.emit("not caught", data, to=sid)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
