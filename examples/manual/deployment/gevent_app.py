"""The gevent WSGI server. `python gevent_app.py [PORT]`."""

import sys

from gevent import pywsgi

import socketio

sio = socketio.Server(async_mode="gevent")
app = socketio.WSGIApp(sio)


@sio.event
def hello(sid, name):
    return f"hello {name}"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    pywsgi.WSGIServer(("127.0.0.1", port), app).serve_forever()
