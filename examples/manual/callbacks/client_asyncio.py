"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()
done = asyncio.Semaphore(0)


@sio.event
async def question(text):
    print("asked:", text, flush=True)
    return "fine", 7


@sio.event
async def you_said(*values):
    print("the server heard:", *values, flush=True)
    done.release()


async def answered(*values):
    print("answered:", *values, flush=True)
    done.release()


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    async with asyncio.timeout(30):
        await sio.emit("my_event", {"foo": "bar"}, callback=answered)
        await done.acquire()
        print("called:", *await sio.call("my_event", {"foo": "baz"}), flush=True)
        await sio.emit("ask_me")
        await done.acquire()
        print("the server heard in its handler:", *await sio.call("call_me"), flush=True)
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
