"""Answers with several values, and asks the client in turn. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def my_event(sid, data):
    print("my_event", data, flush=True)
    return "OK", 123


@sio.event
def ask_me(sid):
    def answered(*values):
        sio.emit("you_said", values, to=sid)

    sio.emit("question", "and you?", to=sid, callback=answered)


@sio.event
def call_me(sid):
    return sio.call("question", "how are you?", to=sid)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
