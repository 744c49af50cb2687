"""The same in an aiohttp application with a page of its own. `python server_asyncio.py [PORT]`."""

import sys

from aiohttp import web

import socketio

sio = socketio.AsyncServer()
app = web.Application()
sio.attach(app)


async def index(request):
    return web.Response(text="<h1>Hello</h1>", content_type="text/html")


@sio.event
async def connect(sid, environ):
    print("connect", sid, flush=True)
    await sio.emit("my_message", {"hello": "world"}, room=sid)


@sio.on("my response")
async def my_response(sid, data):
    print("message", data, flush=True)
    await sio.disconnect(sid)


@sio.event
def disconnect(sid):
    print("disconnect", sid, flush=True)


app.router.add_get("/", index)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
