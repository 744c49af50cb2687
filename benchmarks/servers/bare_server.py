"""The websocket of each framework without Socket.IO: the limit of what a server on it can reach.

A message that begins with `B` goes to every client, any other back to its sender.
"""

import argparse
import asyncio
import socket
from typing import Any


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Returns a new event loop.

    Args:
        name: `asyncio` or `uvloop`.
    """
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def serve_uvicorn(listener: socket.socket, loop: str) -> None:
    """Serves under uvicorn until the process is ended.

    Args:
        listener: A listening socket.
        loop: `asyncio` or `uvloop`.
    """
    import uvicorn

    clients: set[Any] = set()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        clients.add(send)
        try:
            while True:
                event = await receive()
                if event["type"] == "websocket.disconnect":
                    return
                text = event.get("text")
                if text is None:
                    await send({"type": "websocket.send", "bytes": event["bytes"]})
                elif text.startswith("B"):
                    message = {"type": "websocket.send", "text": text}
                    for client in list(clients):
                        await client(message)
                else:
                    await send({"type": "websocket.send", "text": text})
        finally:
            clients.discard(send)

    config = uvicorn.Config(
        application, loop=loop, access_log=False, log_level="warning", lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[listener])


def serve_aiohttp(listener: socket.socket, loop: str) -> None:
    """Serves under aiohttp until the process is ended.

    Args:
        listener: A listening socket.
        loop: `asyncio` or `uvloop`.
    """
    from aiohttp import WSMsgType, web

    clients: set[web.WebSocketResponse] = set()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        clients.add(websocket)
        try:
            async for message in websocket:
                if message.type is WSMsgType.BINARY:
                    await websocket.send_bytes(message.data)
                elif message.data.startswith("B"):
                    for client in list(clients):
                        await client.send_str(message.data)
                else:
                    await websocket.send_str(message.data)
        finally:
            clients.discard(websocket)
        return websocket

    application = web.Application()
    application.router.add_get("/socket.io/", handler)
    web.run_app(application, sock=listener, access_log=None, print=None, loop=new_loop(loop))


def serve_picows(listener: socket.socket, loop: str) -> None:
    """Serves under picows until the process is ended.

    Args:
        listener: A listening socket.
        loop: `asyncio` or `uvloop`.
    """
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

    clients: set[WSTransport] = set()

    class Listener(WSListener):  # type: ignore[misc]  # picows has no type information
        def on_ws_connected(self, transport: WSTransport) -> None:
            clients.add(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            clients.discard(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
                return
            if frame.msg_type == WSMsgType.PING:
                transport.send_pong(frame.get_payload_as_bytes())
                return
            payload = frame.get_payload_as_bytes()
            if payload.startswith(b"B"):
                for client in clients:
                    client.send(WSMsgType.TEXT, payload)
            else:
                transport.send(frame.msg_type, payload)

    async def run() -> None:
        server = await ws_create_server(lambda request: Listener(), sock=listener, backlog=4096)
        await server.serve_forever()

    new_loop(loop).run_until_complete(run())


def main() -> None:
    """Parses the command line and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("framework", choices=["uvicorn", "aiohttp", "picows"])
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--fd", type=int, required=True)
    arguments = parser.parse_args()
    listener = socket.socket(fileno=arguments.fd)
    serve = {"uvicorn": serve_uvicorn, "aiohttp": serve_aiohttp, "picows": serve_picows}
    serve[arguments.framework](listener, arguments.loop)


if __name__ == "__main__":
    main()
