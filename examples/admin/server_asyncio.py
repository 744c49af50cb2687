"""The same for ASGI servers. `python server_asyncio.py [PORT [UI-FOLDER]]`."""

import sys
from pathlib import Path

import uvicorn

import socketio

root = Path(__file__).parents[2]
folder = Path("node_modules/@socket.io/admin-ui/ui/dist")
ui = next((place / folder for place in (Path(), root / "e2e") if (place / folder).is_dir()), folder)

sio = socketio.AsyncServer()
sio.instrument(auth={"username": "admin", "password": "change me"}, server_id="example")
app = socketio.ASGIApp(sio, static_files={"/ui": sys.argv[2] if sys.argv[2:] else str(ui)})


@sio.event
async def connect(sid, environ):
    await sio.enter_room(sid, "everyone")


@sio.event
async def hello(sid, name):
    return f"hello {name}"


@sio.event
async def disconnect(sid, reason):
    print("disconnect", reason, flush=True)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
