"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient(logger=True, engineio_logger=True)


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    print(await sio.call("hello"), flush=True)
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
