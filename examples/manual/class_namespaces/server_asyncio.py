"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys

import uvicorn

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


class MyCustomNamespace(socketio.AsyncNamespace):
    def on_connect(self, sid, environ):
        print("connect", sid, flush=True)

    def on_disconnect(self, sid):
        print("disconnect", sid, flush=True)

    async def on_my_event(self, sid, data):
        await self.emit("my_response", data)

    async def on_both(self, sid):
        return "the method"


sio.register_namespace(MyCustomNamespace("/test"))


@sio.event(namespace="/test")
async def both(sid):
    return "the function"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
