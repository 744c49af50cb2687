"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

url = sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000"
heard = asyncio.Semaphore(0)


async def visitor(name):
    sio = socketio.AsyncClient()

    @sio.on("my reply")
    async def my_reply(data):
        print(f"{name} hears {data!r}", flush=True)
        heard.release()

    @sio.event
    async def announcement(data):
        heard.release()

    await sio.connect(url)
    return sio


async def main():
    ada, bob = await visitor("ada"), await visitor("bob")
    async with asyncio.timeout(30):
        print("rooms of ada:", await ada.call("begin_chat"), flush=True)
        print("rooms of bob:", await bob.call("begin_chat"), flush=True)
        await ada.emit("my_message", "hello")
        await heard.acquire()
        await bob.emit("my_message", "good day")
        await heard.acquire()
        print("rooms of bob:", await bob.call("exit_chat"), flush=True)
        await ada.emit("my_message", "anybody here?")
        await ada.emit("announce", "the end")
        await heard.acquire()
        await heard.acquire()
        print("both heard the announcement", flush=True)
    await ada.disconnect()
    await bob.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
