"""Talk between a server and a client in one loop that has a task factory; print what came of it.

Called as `factory_program.py FACTORY MODE TRANSPORT`; FACTORY is `none`, `sentry` or one of
`socketio.testing.task_factories`, MODE is `aiohttp` or `uvicorn`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import uvicorn
from aiohttp import web

import socketio
from socketio.testing.task_factories import choose

DEADLINE = 45.0
LARGE = "x" * 1_000_000
TIMES = 20


def install(factory: str) -> list[Any]:
    """Give the running loop its factory; return what an error tracker reports, as it does."""
    reported: list[Any] = []
    if factory == "sentry":
        import sentry_sdk
        from sentry_sdk.integrations.asyncio import AsyncioIntegration
        from sentry_sdk.transport import Transport

        class Local(Transport):
            def capture_envelope(self, envelope: Any) -> None:
                reported.append(envelope)

        sentry_sdk.init(
            "http://key@localhost/1",
            transport=Local,
            integrations=[AsyncioIntegration()],
            default_integrations=False,
            auto_enabling_integrations=False,
            traces_sample_rate=1.0,
        )
        assert asyncio.get_running_loop().get_task_factory() is not None
    elif factory != "none":
        asyncio.get_running_loop().set_task_factory(choose(factory))
    return reported


def create_server(results: dict[str, Any]) -> socketio.AsyncServer:
    sio = socketio.AsyncServer(cors_allowed_origins="*", max_outbox_size=100_000_000)

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0.001)  # one that waits

    @sio.event
    async def slow(sid: str, number: int) -> int:
        async with asyncio.timeout(DEADLINE):
            await asyncio.sleep(0.001)
        return number + 1

    @sio.event
    async def ask(sid: str) -> Any:
        return await sio.call("question", to=sid, timeout=DEADLINE)

    @sio.event
    async def large(sid: str) -> None:
        for _ in range(TIMES):
            await sio.emit("large", LARGE, to=sid)

    @sio.event
    async def upload(sid: str, data: str) -> int:
        await asyncio.sleep(0)
        return len(data)

    @sio.event
    async def background(sid: str) -> None:
        async def later(word: str) -> None:
            await asyncio.sleep(0.001)
            await sio.emit("later", word, to=sid)

        sio.start_background_task(later, "done")

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        await asyncio.sleep(0.001)
        results["disconnect"] = reason

    return sio


async def serve(sio: socketio.AsyncServer, mode: str) -> tuple[int, Any]:
    """Start a web server; return its port and a coroutine function that stops it."""
    if mode == "aiohttp":
        app = web.Application()
        sio.attach(app)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner.addresses[0][1], runner.cleanup
    server = uvicorn.Server(
        uvicorn.Config(socketio.ASGIApp(sio), host="127.0.0.1", port=0, log_config=None)
    )
    running = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)

    async def stop() -> None:
        server.should_exit = True
        await running

    return server.servers[0].sockets[0].getsockname()[1], stop


async def talk(factory: str, mode: str, transport: str) -> dict[str, Any]:
    """Have a server and a client do everything that waits."""
    results: dict[str, Any] = {}
    reported = install(factory)
    sio = create_server(results)
    port, stop = await serve(sio, mode)
    client = socketio.AsyncClient()
    arrived: asyncio.Queue[int] = asyncio.Queue()
    later: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    client.on("large", lambda data: arrived.put_nowait(len(data)))
    client.on("later", later.set_result)

    @client.event
    async def question() -> str:
        await asyncio.sleep(0.001)
        return "answer"

    await client.connect(f"http://127.0.0.1:{port}", transports=[transport])
    results["slow"] = [await client.call("slow", number, timeout=DEADLINE) for number in range(3)]
    results["ask"] = await client.call("ask", timeout=DEADLINE)
    results["upload"] = await client.call("upload", LARGE[:900_000], timeout=DEADLINE)
    await client.emit("large")
    results["large"] = [await arrived.get() for _ in range(TIMES)] == [len(LARGE)] * TIMES
    await client.emit("background")
    results["later"] = await later

    def of_thread() -> str:
        """Emit from another thread's loop."""
        asyncio.run(sio.emit("later thread"))
        return "done"

    results["thread"] = await asyncio.to_thread(of_thread)
    await client.disconnect()
    while "disconnect" not in results:
        await asyncio.sleep(0.01)
    await stop()
    results["reported"] = len(reported)
    return results


async def main() -> None:
    async with asyncio.timeout(DEADLINE):
        results = await talk(*sys.argv[1:])
    print(json.dumps(results))


asyncio.run(main())
