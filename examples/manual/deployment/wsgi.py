"""For WSGI servers with threads: `gunicorn -w 1 --threads 100 wsgi:app`."""

import socketio

sio = socketio.Server()
app = socketio.WSGIApp(sio)


@sio.event
def hello(sid, name):
    return f"hello {name}"
