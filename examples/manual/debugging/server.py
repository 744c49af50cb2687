"""Writes what it does to standard error. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server(logger=True, engineio_logger=True)
app = socketio.WSGIApp(sio)


@sio.event
def hello(sid):
    return "hello"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
