"""A server that other processes can speak through. `python server.py [PORT [REDIS-URL]]`."""

import sys

from werkzeug.serving import run_simple

import socketio

queue = sys.argv[2] if sys.argv[2:] else "redis://localhost:6379/0"
sio = socketio.Server(client_manager=socketio.RedisManager(queue))
app = socketio.WSGIApp(sio)


@sio.event
def join(sid, room):
    sio.enter_room(sid, room)
    return "joined"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
