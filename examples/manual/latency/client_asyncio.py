"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys
import time

import socketio

sio = socketio.AsyncClient()
measured = []


async def send_ping():
    global start
    start = time.perf_counter()
    await sio.emit("ping_from_client")


@sio.event
async def connect():
    print("connected to server", flush=True)
    print("my sid is", sio.sid, flush=True)
    await send_ping()


@sio.event
async def pong_from_server():
    measured.append(time.perf_counter() - start)
    print(f"latency is {measured[-1] * 1000:.2f} ms", flush=True)
    if len(measured) == 5:
        await sio.disconnect()
    else:
        await sio.sleep(0.05)
        await send_ping()


async def main():
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    await sio.wait()


if __name__ == "__main__":
    asyncio.run(main())
