"""A chat room that clients enter and leave. `python server.py [PORT]`."""

import sys

from werkzeug.serving import run_simple

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def begin_chat(sid):
    sio.enter_room(sid, "chat_users")
    return len(sio.rooms(sid))


@sio.event
def exit_chat(sid):
    sio.leave_room(sid, "chat_users")
    return len(sio.rooms(sid))


@sio.event
def my_message(sid, data):
    sio.emit("my reply", data, room="chat_users", skip_sid=sid)


@sio.event
def announce(sid, data):
    sio.emit("announcement", data)


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    run_simple("127.0.0.1", port, app, threaded=True)
