"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()
came = asyncio.Semaphore(0)


@sio.event
async def connect():
    print("connected", flush=True)


@sio.on("*")
async def catch_all(event, data):
    print(f"{event}: {data}", flush=True)
    came.release()


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    async with asyncio.timeout(30):
        for event in ("whatever you like", "known"):
            await sio.emit(event, "data")
            await came.acquire()
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
