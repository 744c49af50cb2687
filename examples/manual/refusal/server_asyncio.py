"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio
from socketio.exceptions import ConnectionRefusedError

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    if not auth:
        return False
    if auth.get("token") != "right":
        raise ConnectionRefusedError("authentication failed", {"tried": auth.get("token")})
    print("accepted", flush=True)


@sio.event
async def disconnect(sid):
    print("disconnect", flush=True)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
