"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()


@sio.event
async def connect():
    print("connection established", flush=True)


@sio.event
async def my_message(data):
    print("message received with", data, flush=True)
    await sio.emit("my response", {"response": "my response"})


@sio.event
async def disconnect():
    print("disconnected from server", flush=True)


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    await sio.wait()


if __name__ == "__main__":
    asyncio.run(main())
