"""A Sanic application with a route of its own. `python sanic_app.py [PORT]`."""

import sys

from sanic import Sanic
from sanic.response import html

import socketio

sio = socketio.AsyncServer(async_mode="sanic")
app = Sanic("manual")
sio.attach(app)


@app.get("/")
async def index(request):
    return html("<h1>Sanic</h1>")


@sio.event
async def hello(sid, name):
    return f"hello {name}"


if __name__ == "__main__":
    port = int(sys.argv[1]) if sys.argv[1:] else 5000
    app.run(host="127.0.0.1", port=port, single_process=True)
