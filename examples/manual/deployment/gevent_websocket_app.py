"""The gevent WSGI server with gevent-websocket. `python gevent_websocket_app.py [PORT]`."""

import sys

from gevent import pywsgi
from geventwebsocket.handler import WebSocketHandler

import socketio

sio = socketio.Server(async_mode="gevent")
app = socketio.WSGIApp(sio)


@sio.event
def hello(sid, name):
    return f"hello {name}"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    server = pywsgi.WSGIServer(("127.0.0.1", port), app, handler_class=WebSocketHandler)
    server.serve_forever()
