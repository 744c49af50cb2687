"""Answers pings, and serves a page that shows how long they take. `python server.py [PORT]`."""

import sys
from pathlib import Path

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
page = Path(__file__).with_name("latency.html")
app = socketio.WSGIApp(sio, static_files={"/": str(page)})


@sio.event
def ping_from_client(sid):
    sio.emit("pong_from_server", room=sid)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
