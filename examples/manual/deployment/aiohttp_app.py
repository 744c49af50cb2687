"""An aiohttp application with a route of its own. `python aiohttp_app.py [PORT]`."""

import sys

from aiohttp import web

import socketio

sio = socketio.AsyncServer(async_mode="aiohttp")
app = web.Application()
sio.attach(app)


async def index(request):
    return web.Response(text="<h1>aiohttp</h1>", content_type="text/html")


@sio.event
async def hello(sid, name):
    return f"hello {name}"


app.router.add_get("/", index)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
