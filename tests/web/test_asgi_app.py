"""`ASGIApp` from outside, in the terms of ASGI; the wire has tests of its own."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

import socketio

HANDSHAKE = "EIO=4&transport=polling"


class Lifespan:
    """Plays the web server's part of a lifespan."""

    def __init__(self, app: Any) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self.task = asyncio.ensure_future(app(scope, self.events.get, self.sent.put))

    async def tell(self, phase: str) -> str:
        """Send an event and return the type of the answer."""
        self.events.put_nowait({"type": f"lifespan.{phase}"})
        answer: dict[str, Any] = await asyncio.wait_for(self.sent.get(), 5)
        return str(answer["type"]).removeprefix("lifespan.")


async def get(app: Any, path: str, query: str = HANDSHAKE, root_path: str = "") -> tuple[int, Any]:
    """Return the status and the body of an answer."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "root_path": root_path,
        "query_string": query.encode(),
        "headers": [],
    }
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_an_application_that_has_stopped_may_start_again() -> None:
    app = socketio.ASGIApp(socketio.AsyncServer())
    for _ in range(2):
        lifespan = Lifespan(app)
        assert await lifespan.tell("startup") == "startup.complete"
        assert (await get(app, "/socket.io/"))[0] == 200
        assert await lifespan.tell("shutdown") == "shutdown.complete"
        await asyncio.wait_for(lifespan.task, 5)
        assert (await get(app, "/socket.io/"))[0] == 503


def test_an_event_loop_is_not_kept_when_its_servers_have_stopped() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        app = socketio.ASGIApp(socketio.AsyncServer())
        lifespan = Lifespan(app)
        assert await lifespan.tell("startup") == "startup.complete"
        assert (await get(app, "/socket.io/"))[0] == 200
        assert await lifespan.tell("shutdown") == "shutdown.complete"
        await asyncio.wait_for(lifespan.task, 5)

    asyncio.run(serve())
    gc.collect()
    assert loops[0]() is None


async def test_a_startup_hook_that_fails_ends_the_lifespan() -> None:
    def fail() -> None:
        raise RuntimeError("no database")

    lifespan = Lifespan(socketio.ASGIApp(socketio.AsyncServer(), on_startup=fail))
    assert await lifespan.tell("startup") == "startup.failed"
    with pytest.raises(RuntimeError, match="no database"):
        await asyncio.wait_for(lifespan.task, 5)


@pytest.mark.parametrize("socketio_path", ["", "/"])
@pytest.mark.parametrize("path", ["/", "/socket.io/"])
async def test_an_empty_path_takes_every_request(socketio_path: str, path: str) -> None:
    app = socketio.ASGIApp(socketio.AsyncServer(), socketio_path=socketio_path)
    assert (await get(app, path))[0] == 200


@pytest.mark.parametrize("path", ["/mounted/page.txt", "/page.txt"])
async def test_static_files_are_below_the_mount_point(tmp_path: Any, path: str) -> None:
    """Trap 41: some servers leave the mount point in the path, others take it away."""
    page = tmp_path / "page.txt"
    page.write_text("hello")
    app = socketio.ASGIApp(socketio.AsyncServer(), static_files={"/page.txt": str(page)})
    assert await get(app, path, query="", root_path="/mounted") == (200, b"hello")
