"""Refuses clients, with a reason and without. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio
from socketio.exceptions import ConnectionRefusedError

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def connect(sid, environ, auth):
    if not auth:
        return False
    if auth.get("token") != "right":
        raise ConnectionRefusedError("authentication failed", {"tried": auth.get("token")})
    print("accepted", flush=True)


@sio.event
def disconnect(sid):
    print("disconnect", flush=True)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
