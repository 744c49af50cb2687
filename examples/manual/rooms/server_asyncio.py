"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def begin_chat(sid):
    await sio.enter_room(sid, "chat_users")
    return len(sio.rooms(sid))


@sio.event
async def exit_chat(sid):
    await sio.leave_room(sid, "chat_users")
    return len(sio.rooms(sid))


@sio.event
async def my_message(sid, data):
    await sio.emit("my reply", data, room="chat_users", skip_sid=sid)


@sio.event
async def announce(sid, data):
    await sio.emit("announcement", data)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
