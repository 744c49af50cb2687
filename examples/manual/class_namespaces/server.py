"""Handlers as methods of a class; a function goes before a method. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


class MyCustomNamespace(socketio.Namespace):
    def on_connect(self, sid, environ):
        print("connect", sid, flush=True)

    def on_disconnect(self, sid):
        print("disconnect", sid, flush=True)

    def on_my_event(self, sid, data):
        self.emit("my_response", data)

    def on_both(self, sid):
        return "the method"


sio.register_namespace(MyCustomNamespace("/test"))


@sio.event(namespace="/test")
def both(sid):
    return "the function"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
