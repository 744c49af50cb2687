"""Remembers who each client is. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def connect(sid, environ, auth):
    sio.save_session(sid, {"username": auth["username"]})


@sio.event
def message(sid, data):
    session = sio.get_session(sid)
    sio.send(f"{session['username']} says {data}")


@sio.event
def rename(sid, username):
    with sio.session(sid) as session:
        before, session["username"] = session["username"], username
    return before


@sio.event
def disconnect(sid):
    print("good bye", sio.get_session(sid)["username"], flush=True)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
