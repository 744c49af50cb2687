"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys
from pathlib import Path

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
page = Path(__file__).with_name("latency.html")
app = socketio.ASGIApp(sio, static_files={"/": str(page)})


@sio.event
async def ping_from_client(sid):
    await sio.emit("pong_from_server", room=sid)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
