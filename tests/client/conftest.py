"""Servers that clients are tested against, in threads of the test process."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from aiohttp import WSMsgType, web

import socketio

DEADLINE = 20.0


class LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(3 * DEADLINE)

    def close(self) -> None:
        """End what is left in the loop, and the loop."""
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        # Connections of other threads that were accepted in the last moment end here.
        self.loop.run_until_complete(self._cancel_all())
        self.loop.close()

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # closed transports report so in the loop's next turns


class EngineServer:
    """An Engine.IO server with one session, that misbehaves as a test wants it to.

    What it answers is in attributes, to be changed; what it was asked is in `requests`.
    """

    def __init__(self, loop: LoopThread, tls: ssl.SSLContext | None = None) -> None:
        self._loop = loop
        self._tls = tls
        self.handshake: dict[str, Any] = {
            "sid": "engine",
            "upgrades": [],
            "pingInterval": 5000,
            "pingTimeout": 5000,
            "maxPayload": 1_000_000,
        }
        self.requests: list[web.Request] = []
        self.received: list[str | bytes] = []
        self.answer_first: Callable[[web.Request], web.StreamResponse | None] | None = None
        self.answer_open: Callable[[web.Request], web.StreamResponse] | None = None
        self.answer_poll: Callable[[], web.StreamResponse] | None = None
        self.answer_post: Callable[[], web.StreamResponse] | None = None
        self.answer_probe: str | None = "3probe"
        self.accept_websockets = True
        self.answers_handshakes = True
        self.accept_namespaces = True
        self._outbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._news = threading.Condition()
        self._runner: web.AppRunner | None = None
        self.url = loop.run(self._start())

    async def _start(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=2, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http{'s' if self._tls else ''}://localhost:{port}"

    def close(self) -> None:
        """Stop listening."""
        self.send("6")
        self._loop.run(self._stop())

    async def _stop(self) -> None:
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        await self._runner.cleanup()
        for _ in range(5):
            await asyncio.sleep(0)
        # Connections that were accepted while it stopped are known only now.
        await server.shutdown(0)

    def send(self, *messages: str | bytes | None) -> None:
        """Send packets as they are; None closes the websocket."""
        for message in messages:
            self._loop.loop.call_soon_threadsafe(self._outbox.put_nowait, message)

    def wait_for(self, *messages: str | bytes) -> None:
        """Wait until the client has sent these, in this order, among others."""

        def arrived() -> bool:
            rest = iter(self.received)
            return all(message in rest for message in messages)

        with self._news:
            assert self._news.wait_for(arrived, DEADLINE), self.received

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.answer_first is not None:
            answer = self.answer_first(request)
            if answer is not None:
                return answer
        if not self.answers_handshakes:
            await asyncio.Event().wait()  # until the client gives up
        if request.query["transport"] == "websocket":
            return await self._serve_websocket(request)
        response = await self._answer(request)
        response.force_close()
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("sid", self.handshake["sid"]) != self.handshake["sid"]:
            return web.Response(status=400, text='{"code":1,"message":"Session ID unknown"}')
        if request.method == "POST":
            body = await request.text()
            if self.answer_post is not None:
                return self.answer_post()
            for packet in body.split("\x1e"):
                self._receive(packet)
            return web.Response(text="ok")
        if "sid" not in request.query:
            if self.answer_open is not None:
                return self.answer_open(request)
            response = web.Response(text="0" + json.dumps(self.handshake))
            response.set_cookie("sticky", "backend-1")
            return response
        if self.answer_poll is not None:
            return self.answer_poll()
        packets = [await self._outbox.get()]
        while not self._outbox.empty():
            packets.append(self._outbox.get_nowait())
        return web.Response(text="\x1e".join(str(packet) for packet in packets))

    async def _serve_websocket(self, request: web.Request) -> web.StreamResponse:
        if not self.accept_websockets:
            return web.Response(status=400, text="no websockets here")
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        if "sid" in request.query:
            await websocket.receive_str()
            if self.answer_probe is None:
                await websocket.receive()  # never: the client gives up first
                return websocket
            await websocket.send_str(self.answer_probe)
        else:
            await websocket.send_str("0" + json.dumps(self.handshake))
        sender = asyncio.create_task(self._send_to(websocket))
        async for message in websocket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._receive(message.data)
        sender.cancel()
        return websocket

    async def _send_to(self, websocket: web.WebSocketResponse) -> None:
        outbox = self._outbox
        while (message := await outbox.get()) is not None:
            if isinstance(message, str):
                await websocket.send_str(message)
            else:
                await websocket.send_bytes(message)
        await websocket.close()

    def _receive(self, message: str | bytes) -> None:
        with self._news:
            self.received.append(message)
            self._news.notify_all()
        if message == "1":
            self._outbox.put_nowait("6")  # ends the poll that waits
            self._outbox = asyncio.Queue()  # of the next session
            self.handshake["sid"] += "+"
        if isinstance(message, str) and message.startswith("40") and self.accept_namespaces:
            namespace = message[2:].split("{")[0].rstrip(",")
            self._outbox.put_nowait(f'40{namespace + "," if namespace else ""}{{"sid":"socket"}}')


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    """An event loop in a thread of its own."""
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture
def engine_server(loop_thread: LoopThread) -> Iterator[EngineServer]:
    """A server that does what the test says."""
    server = EngineServer(loop_thread)
    yield server
    server.close()


@pytest.fixture
def socketio_server(loop_thread: LoopThread) -> Iterator[tuple[str, socketio.AsyncServer]]:
    """Our own server under uvicorn, and its URL."""
    sio = socketio.AsyncServer()
    config = uvicorn.Config(
        socketio.ASGIApp(sio), port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)

    async def start() -> str:
        task = asyncio.ensure_future(server.serve())
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    async def stop() -> None:
        await sio.shutdown()
        server.should_exit = True
        while server.started and server.servers[0].is_serving():
            await asyncio.sleep(0.01)

    yield loop_thread.run(start()), sio
    loop_thread.run(stop())
