"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()


@sio.event
async def connect():
    print("I'm connected!", flush=True)


@sio.event
async def connect_error(data):
    print("The connection failed!", data["message"], data.get("data"), flush=True)


@sio.event
async def disconnect():
    print("I'm disconnected!", flush=True)


async def main():
    url = sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000"
    for auth in (None, {"token": "wrong"}, {"token": "right"}):
        try:
            await sio.connect(url, auth=auth)
        except socketio.exceptions.ConnectionError:
            print("refused", flush=True)
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
