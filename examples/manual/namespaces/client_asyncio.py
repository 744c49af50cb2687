"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()
replied = asyncio.Semaphore(0)


@sio.on("connect", namespace="/chat")
async def on_connect():
    print("I'm connected to the /chat namespace!", flush=True)


@sio.event(namespace="/chat")
async def reply(data):
    print("in /chat:", data, flush=True)
    replied.release()


@sio.on("reply", namespace="/news")
async def on_reply(data):
    print("in /news:", data, flush=True)
    replied.release()


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    async with asyncio.timeout(30):
        await sio.emit("my_custom_event", "bar", namespace="/chat")
        await replied.acquire()
        await sio.emit("my custom event", "today", namespace="/news")
        await replied.acquire()
    print("namespaces:", *sorted(sio.namespaces), flush=True)
    print("ids differ:", sio.get_sid("/chat") != sio.get_sid("/news"), flush=True)
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
