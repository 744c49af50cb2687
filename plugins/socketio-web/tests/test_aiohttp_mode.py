"""What is special about aiohttp: its parser, its limits, its hooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from socketio.web import AsyncEngine
from socketio_web import aiohttp_mode
from socketio_web.aiohttp_mode import PollWatch
from socketio_web.aiohttp_websocket import connection_can_be_taken

DEADLINE = 20.0


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    runners: list[web.AppRunner] = []

    async def start(app: web.Application) -> str:
        runner = web.AppRunner(app, shutdown_timeout=1)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _, port = runner.addresses[0][:2]
        return f"http://127.0.0.1:{port}"

    yield start
    for runner in runners:
        await runner.cleanup()


def echoing(**options: Any) -> AsyncEngine:
    engine = AsyncEngine(**options)

    async def echo(sid: str, data: Any) -> None:
        await engine.send(sid, data)

    engine.on("message", echo)
    return engine


async def exchange(url: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
    """Open a websocket, have text and binary echoed, and return the closed socket."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(DEADLINE):
        query = {"EIO": "4", "transport": "websocket"}
        socket = await http.ws_connect(f"{url}/engine.io/", params=query, **options)
        assert (await socket.receive_str())[0] == "0"
        for number in range(5):
            await socket.send_str(f"4{number}")
        assert [await socket.receive_str() for _ in range(5)] == [f"4{n}" for n in range(5)]
        await socket.send_bytes(b"\x00" * 1000)
        assert await socket.receive_bytes() == b"\x00" * 1000
        await socket.close()
        return socket


def test_the_connection_is_taken_from_this_release_of_aiohttp() -> None:
    """A newer one that is made otherwise is served through its public interface, but slower."""
    assert connection_can_be_taken()


async def test_parsed_directly(serve: Any) -> None:
    app = web.Application()
    echoing().attach(app)
    await exchange(await serve(app))


async def test_through_the_public_interface(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_mode, "connection_can_be_taken", lambda: False)
    app = web.Application()
    engine = echoing()
    engine.attach(app)
    await exchange(await serve(app))


async def test_websockets_are_compressed_when_asked(serve: Any) -> None:
    app = web.Application()
    echoing().attach(app, websocket_compression=True)
    socket = await exchange(await serve(app), compress=15)
    assert socket.compress


async def test_websockets_are_not_compressed_by_default(serve: Any) -> None:
    app = web.Application()
    echoing().attach(app)
    socket = await exchange(await serve(app), compress=15)
    assert not socket.compress


async def test_no_websocket_request_after_all(serve: Any) -> None:
    app = web.Application()
    AsyncEngine().attach(app)
    url = await serve(app)
    async with aiohttp.ClientSession() as http:
        query = {"EIO": "4", "transport": "websocket"}
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        async with http.get(f"{url}/engine.io/", params=query, headers=headers) as answer:
            assert answer.status == 400


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def opening_handshake(key: bytes) -> bytes:
    return (
        b"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + key + b"\r\n\r\n"
    )


async def test_a_websocket_key_that_is_no_ascii_is_the_client_s_fault(
    serve: Any, logged_errors: Callable[[], list[str]]
) -> None:
    app = web.Application()
    AsyncEngine().attach(app)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(await serve(app)))
    async with asyncio.timeout(DEADLINE):
        writer.write(opening_handshake(b"\xc3\xa4"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        await writer.wait_closed()
    assert logged_errors() == []


async def test_a_ping_of_a_client_that_has_gone_is_no_error(
    serve: Any, logged_errors: Callable[[], list[str]]
) -> None:
    app = web.Application()
    engine = AsyncEngine()
    engine.attach(app)
    reasons: asyncio.Queue[str] = asyncio.Queue()

    def lose_connection(sid: str, data: Any) -> None:
        engine.sessions[sid].environ["aiohttp.request"].transport.abort()

    engine.on("message", lose_connection)
    engine.on("disconnect", lambda sid, reason: reasons.put_nowait(reason))
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(await serve(app)))
    async with asyncio.timeout(DEADLINE):
        writer.write(opening_handshake(b"AAAAAAAAAAAAAAAAAAAAAA=="))
        await reader.readuntil(b'0{"sid"')
        text, ping = b"\x81\x82\0\0\0\x004x", b"\x89\x80\0\0\0\0"
        writer.write(text + ping)
        assert await reasons.get() == "transport close"
        writer.close()
    assert logged_errors() == []


@pytest.mark.parametrize("path", ["engine.io", "a/b", ""])
async def test_paths(serve: Any, path: str) -> None:
    app = web.Application()
    AsyncEngine().attach(app, path)
    url = await serve(app)
    async with aiohttp.ClientSession() as http:
        query = {"EIO": "4", "transport": "polling"}
        for whole in (f"/{path}/", f"/{path}") if path else ("/",):
            async with http.get(f"{url}{whole}", params=query) as answer:
                assert answer.status == 200
                assert (await answer.text())[0] == "0"


async def test_a_poll_whose_client_goes(serve: Any) -> None:
    app = web.Application()
    engine = AsyncEngine()
    engine.attach(app)
    gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    engine.on("disconnect", lambda sid, reason: gone.set_result(reason))
    url = await serve(app)
    async with aiohttp.ClientSession() as http:
        query = {"EIO": "4", "transport": "polling"}
        async with http.get(f"{url}/engine.io/", params=query) as answer:
            sid = (await answer.text()).split('"')[3]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await http.get(f"{url}/engine.io/", params={**query, "sid": sid})
    async with asyncio.timeout(DEADLINE):
        assert await gone == "transport close"


async def test_the_watch_of_polls_ends_with_the_last_poll() -> None:
    watch = PollWatch()

    class Poll:
        request: Any = None

    poll: Any = Poll()
    stop = watch.add(poll, lambda: None)
    assert watch._timer is not None
    stop()
    watch._timer.cancel()
    watch._look()
    assert watch._timer is None


async def test_the_application_s_end_closes_the_clients(serve: Any) -> None:
    app = web.Application()
    engine = AsyncEngine()
    engine.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as http:
        query = {"EIO": "4", "transport": "polling"}
        async with http.get(f"{url}/engine.io/", params=query) as answer:
            sid = (await answer.text()).split('"')[3]
        poll = asyncio.create_task(http.get(f"{url}/engine.io/", params={**query, "sid": sid}))
        await asyncio.sleep(0.05)  # not a wait for anything: the poll is to be there first
        async with asyncio.timeout(DEADLINE):
            await runner.cleanup()
            answer = await poll
            assert await answer.text() == "1"
    assert not engine.sessions
