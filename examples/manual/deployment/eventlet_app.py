"""The eventlet WSGI server. `python eventlet_app.py [PORT]`."""

import sys

import eventlet

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def hello(sid, name):
    return f"hello {name}"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    eventlet.wsgi.server(eventlet.listen(("127.0.0.1", port)), app)
