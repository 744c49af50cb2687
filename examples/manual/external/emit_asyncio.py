"""The same for asyncio. `python emit_asyncio.py [REDIS-URL]`."""

import asyncio
import sys

import socketio


async def main():
    queue = sys.argv[1] if sys.argv[1:] else "redis://localhost:6379/0"
    external_sio = socketio.AsyncRedisManager(queue, write_only=True)
    await external_sio.emit("my event", data={"foo": "bar"}, room="my room")


if __name__ == "__main__":
    asyncio.run(main())
