"""The same for ASGI servers. `python server_asyncio.py [PORT]`, or `uvicorn server_asyncio:app`."""

import sys
from pathlib import Path

import uvicorn

import socketio

here = Path(__file__).parent
sio = socketio.AsyncServer(async_mode="asgi")


async def other_app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    body = f"the application at {scope['path']}".encode()
    await send({"type": "http.response.body", "body": body})


static_files = {
    "/": str(here / "public" / "index.html"),
    "/static": str(here / "public"),
    "/source": {"filename": str(here / "server.py"), "content_type": "text/x-python"},
}
app = socketio.ASGIApp(sio, other_app, static_files=static_files)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if sys.argv[1:] else 5000)
