"""For ASGI servers, beside another application: `uvicorn asgi:app`."""

import socketio

sio = socketio.AsyncServer(async_mode="asgi")


async def other_app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<h1>Another application</h1>"})


app = socketio.ASGIApp(sio, other_app)


@sio.event
async def hello(sid, name):
    return f"hello {name}"
