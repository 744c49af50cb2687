"""Two namespaces on one connection, with handlers of their own. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event(namespace="/chat")
def my_custom_event(sid, data):
    sio.emit("reply", f"chat: {data}", room=sid, namespace="/chat")


@sio.on("my custom event", namespace="/news")
def my_other_event(sid, data):
    sio.emit("reply", f"news: {data}", room=sid, namespace="/news")


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
