"""An ASGI application of no framework: a function."""

from typing import Any

from contract import attach_all, run_asgi, started, stopped


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        started()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        stopped()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
    else:
        found = scope["path"] == "/own"
        headers = [(b"x-own", b"yes"), (b"content-type", b"text/plain")]
        start = {"type": "http.response.start", "status": 200 if found else 404}
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": b"own page" if found else b"no page"})


if __name__ == "__main__":
    run_asgi(attach_all(app))
