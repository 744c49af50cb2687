"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.on("*")
async def catch_all(event, sid, data):
    await sio.emit(f"caught {event}", data, to=sid)


@sio.event
async def known(sid, data):
    await sio.emit("not caught", data, to=sid)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
