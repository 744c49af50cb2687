"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")


async def background_task(name):
    count = 0
    while True:
        await sio.sleep(0.05)
        count += 1
        await sio.emit("my_response", {"from": name, "count": count})


def start():
    sio.start_background_task(background_task, "the background")


app = socketio.ASGIApp(sio, on_startup=start)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
