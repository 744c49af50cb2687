"""The same for ASGI servers. `python server_asyncio.py [PORT [REDIS-URL]]`."""

import sys

import uvicorn

import socketio

queue = sys.argv[2] if sys.argv[2:] else "redis://localhost:6379/0"
sio = socketio.AsyncServer(async_mode="asgi", client_manager=socketio.AsyncRedisManager(queue))
app = socketio.ASGIApp(sio)


@sio.event
async def join(sid, room):
    await sio.enter_room(sid, room)
    return "joined"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
