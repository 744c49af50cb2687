"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def my_event(sid, data):
    print("my_event", data, flush=True)
    return "OK", 123


@sio.event
async def ask_me(sid):
    async def answered(*values):
        await sio.emit("you_said", values, to=sid)

    await sio.emit("question", "and you?", to=sid, callback=answered)


@sio.event
async def call_me(sid):
    return await sio.call("question", "how are you?", to=sid)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
