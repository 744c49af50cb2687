"""The same for asyncio. `python client_asyncio.py [URL]`."""

import asyncio
import sys

import socketio

sio = socketio.AsyncClient()
responded = asyncio.Event()


class MyCustomNamespace(socketio.AsyncClientNamespace):
    def on_connect(self):
        print("connected", flush=True)

    def on_disconnect(self):
        print("disconnected", flush=True)

    async def on_my_response(self, data):
        print("response:", data, flush=True)
        responded.set()


async def main():
    namespace = MyCustomNamespace("/test")
    sio.register_namespace(namespace)
    await sio.connect(sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:5000")
    async with asyncio.timeout(30):
        await namespace.emit("my_event", "hello")
        await responded.wait()
        print("handled by", await namespace.call("both"), flush=True)
    await sio.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
