"""The chat example's handlers and page under uvicorn."""

from __future__ import annotations

import chat
import uvicorn
from listening import listen

import socketio


def build() -> socketio.ASGIApp:
    """Return the example's server with its page as static files."""
    server = chat.load()
    client = server.find_client()
    assert client is not None, "npm has not brought the JavaScript client"
    files = {
        "/": str(chat.CHAT / "index.html"),
        "/chat.js": str(chat.CHAT / "chat.js"),
        "/socket.io.min.js": str(client),
    }
    return socketio.ASGIApp(server.sio, static_files=files)


if __name__ == "__main__":
    config = uvicorn.Config(build(), log_level="warning")
    try:
        uvicorn.Server(config).run(sockets=[listen()])
    except KeyboardInterrupt:
        pass  # it stops in order first, then raises; its own command line does the same
