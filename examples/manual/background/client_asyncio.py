"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()
counts = []


@sio.event
async def my_response(data):
    counts.append(data["count"])
    if len(counts) == 1:
        print("from", data["from"], flush=True)


async def my_background_task(enough):
    while len(counts) < enough:
        await sio.sleep(0.01)
    print("in order:", counts == sorted(counts), flush=True)
    await sio.disconnect()


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    task = sio.start_background_task(my_background_task, 5)
    await sio.wait()
    await task
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
