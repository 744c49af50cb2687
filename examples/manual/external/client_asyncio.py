"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()


@sio.on("my event")
async def my_event(data):
    print("from outside:", data, flush=True)
    await sio.disconnect()


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    print(await sio.call("join", "my room"), flush=True)
    await sio.wait()


if __name__ == "__main__":
    asyncio.run(main())
