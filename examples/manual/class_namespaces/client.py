"""A client whose handlers are methods of a class. `python client.py [URL]`."""

import sys
import threading

import socketio

sio = socketio.Client()
responded = threading.Event()


class MyCustomNamespace(socketio.ClientNamespace):
    def on_connect(self):
        print("connected", flush=True)

    def on_disconnect(self):
        print("disconnected", flush=True)

    def on_my_response(self, data):
        print("response:", data, flush=True)
        responded.set()


namespace = MyCustomNamespace("/test")
sio.register_namespace(namespace)
sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
namespace.emit("my_event", "hello")
responded.wait(10)
print("handled by", namespace.call("both"), flush=True)
sio.disconnect()
