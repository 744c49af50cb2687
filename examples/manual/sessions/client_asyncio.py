"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()
arrived = asyncio.Semaphore(0)


@sio.event
async def message(data):
    print(data, flush=True)
    arrived.release()


async def main():
    url = sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000"
    await sio.connect(url, auth={"username": "ada"})
    async with asyncio.timeout(30):
        await sio.send("hello")
        await arrived.acquire()
        print("renamed from", await sio.call("rename", "countess"), flush=True)
        await sio.send("hello again")
        await arrived.acquire()
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
