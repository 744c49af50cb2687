"""The server of the first pages: say hello, print what comes back. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def connect(sid, environ):
    print("connect", sid, flush=True)
    sio.emit("my_message", {"hello": "world"}, room=sid)


@sio.on("my response")
def my_response(sid, data):
    print("message", data, flush=True)
    sio.disconnect(sid)


@sio.event
def disconnect(sid):
    print("disconnect", sid, flush=True)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
