"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event(namespace="/chat")
async def my_custom_event(sid, data):
    await sio.emit("reply", f"chat: {data}", room=sid, namespace="/chat")


@sio.on("my custom event", namespace="/news")
async def my_other_event(sid, data):
    await sio.emit("reply", f"news: {data}", room=sid, namespace="/news")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
