"""A chat room: who is here, what they say, who is typing.

Run it with `python examples/chat/server.py` and open http://127.0.0.1:5000 in two tabs.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

from aiohttp import web

import socketio

HERE = Path(__file__).parent
CLIENT_VERSION = "4.8.1"
CLIENT_CDN = f"https://cdn.socket.io/{CLIENT_VERSION}/socket.io.min.js"
CLIENT_FILE = Path("socket.io-client", "dist", "socket.io.min.js")
MAX_NAME, MAX_TEXT = 30, 2000  # characters

sio = socketio.AsyncServer()


people: dict[str, str] = {}
"""Names by sid, in the order in which they came."""


async def tell_who_is_here(to: str | None = None, skip_sid: str | None = None) -> None:
    """Send the list of names to everybody, to one, or to all but one."""
    here = [{"id": sid, "name": name} for sid, name in people.items()]
    await sio.emit("people", here, to=to, skip_sid=skip_sid)


@sio.event
async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
    """Take a visitor in under the name in the auth data, or refuse."""
    name = auth.get("name") if isinstance(auth, dict) else None
    name = " ".join(name.split())[:MAX_NAME] if isinstance(name, str) else ""
    if not name:
        raise socketio.exceptions.ConnectionRefusedError("Please choose a name.")
    if name.casefold() in (taken.casefold() for taken in people.values()):
        raise socketio.exceptions.ConnectionRefusedError(f"Somebody here is called {name} already.")
    people[sid] = name
    await sio.emit("notice", f"{name} came in", skip_sid=sid)
    await tell_who_is_here(skip_sid=sid)
    # A broadcast passes by a client that is not yet accepted; what is sent to it alone waits.
    await tell_who_is_here(to=sid)


@sio.event
async def disconnect(sid: str, reason: str) -> None:
    """Tell the others that somebody is gone."""
    name = people.pop(sid, None)
    if name is not None:
        await sio.emit("notice", f"{name} left", skip_sid=sid)
        await tell_who_is_here()


@sio.event
async def say(sid: str, text: Any) -> dict[str, Any]:
    """Pass a message on; the answer tells the sender whether it was taken."""
    if not isinstance(text, str) or not text.strip():
        return {"ok": False, "error": "Please write something."}
    if len(text) > MAX_TEXT:
        return {"ok": False, "error": f"At most {MAX_TEXT} characters, please."}
    await sio.emit("said", {"id": sid, "name": people[sid], "text": text.strip()})
    return {"ok": True}


@sio.event
async def typing(sid: str, active: Any) -> None:
    """Tell the others that somebody has begun or stopped typing."""
    await sio.emit("typing", {"id": sid, "name": people[sid], "active": bool(active)}, skip_sid=sid)


def find_client() -> Path | None:
    """Return the official JavaScript client's file, if npm has brought it to this machine."""
    parents = [HERE, *HERE.parents]
    folders = [parent / "node_modules" for parent in parents]
    folders += [parent / "e2e" / "node_modules" for parent in parents]
    for folder in folders:
        if (folder / CLIENT_FILE).is_file():
            return folder / CLIENT_FILE
    try:
        asked = subprocess.run(
            ["npm", "root", "--global"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no npm, no global packages: the page takes the client from its CDN
    found = Path(asked.stdout.strip()) / CLIENT_FILE
    return found if found.is_file() else None


def add_page(app: web.Application) -> None:
    """Serve the page, its script and the JavaScript client."""
    client = find_client()

    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "index.html")

    async def script(request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / "chat.js")

    async def socket_io(request: web.Request) -> web.StreamResponse:
        if client is None:
            raise web.HTTPFound(CLIENT_CDN)
        return web.FileResponse(client)

    app.router.add_get("/", page)
    app.router.add_get("/chat.js", script)
    app.router.add_get("/socket.io.min.js", socket_io)


def build() -> web.Application:
    """Return the application: the page, and the Socket.IO server at /socket.io/."""
    app = web.Application()
    add_page(app)
    sio.attach(app)
    return app


def main() -> None:
    """Serve the chat until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    options = parser.parse_args()
    web.run_app(build(), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
