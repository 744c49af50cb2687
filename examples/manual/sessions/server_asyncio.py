"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    await sio.save_session(sid, {"username": auth["username"]})


@sio.event
async def message(sid, data):
    session = await sio.get_session(sid)
    await sio.send(f"{session['username']} says {data}")


@sio.event
async def rename(sid, username):
    async with sio.session(sid) as session:
        before, session["username"] = session["username"], username
    return before


@sio.event
async def disconnect(sid):
    print("good bye", (await sio.get_session(sid))["username"], flush=True)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
