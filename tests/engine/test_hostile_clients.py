"""Clients that do not read, send too much or break off, over real sockets under uvicorn.

What they cost ends with them: nothing of theirs stays in memory, nothing reaches the server's log.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import socketio
from socketio.engine.session import Session
from socketio.protocol.websocket import encode_frame
from socketio.testing import AsyncTestClient

HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


MIDDLEWARE: contextvars.ContextVar[str] = contextvars.ContextVar("middleware", default="nobody")


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def uvicorn_server(
    sio: socketio.AsyncServer, app: Callable[..., Any] | None = None
) -> AsyncIterator[int]:
    uvicorn = pytest.importorskip("uvicorn", reason="pip install uvicorn")
    config = uvicorn.Config(
        app or socketio.ASGIApp(sio), host="127.0.0.1", port=0, log_config=None, log_level="warning"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.wait_for(running, 10)


@asynccontextmanager
async def unreachable_server(sio: socketio.AsyncServer) -> AsyncIterator[int]:
    """An ASGI server that gives no hold on its connections."""
    ours = socketio.ASGIApp(sio)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def send_on(event: Any) -> None:
            await send(event)

        await ours(scope, receive, send_on)

    async with uvicorn_server(sio, app) as port:
        yield port


@asynccontextmanager
async def hypercorn_server(sio: socketio.AsyncServer) -> AsyncIterator[int]:
    hypercorn = pytest.importorskip("hypercorn.config", reason="pip install hypercorn")
    serve = pytest.importorskip("hypercorn.asyncio").serve
    config = hypercorn.Config()
    config.accesslog = config.errorlog = None
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]
    stop = asyncio.Event()
    running = asyncio.create_task(serve(socketio.ASGIApp(sio), config, shutdown_trigger=stop.wait))
    await request(port, "GET", "/")  # now everything that serves is there
    try:
        yield port
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


@asynccontextmanager
async def aiohttp_server(sio: socketio.AsyncServer) -> AsyncIterator[int]:
    web = pytest.importorskip("aiohttp.web", reason="pip install 'socketio-web[aiohttp]'")
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


SERVERS = {
    "uvicorn": uvicorn_server,
    "unreachable": unreachable_server,
    "hypercorn": hypercorn_server,
    "aiohttp": aiohttp_server,
}


@pytest.fixture(params=SERVERS)
def serve(request: pytest.FixtureRequest) -> Any:
    return SERVERS[request.param]


def masked(message: str) -> bytes:
    """Return a client's frame, with a mask of zeros."""
    plain = encode_frame(message)
    head = 2 if plain[1] < 126 else 4
    return bytes((plain[0], plain[1] | 0x80)) + plain[2:head] + b"\0\0\0\0" + plain[head:]


async def connect_slow(port: int) -> socket.socket:
    """Join `/` over a websocket whose receive buffer is small, and read nothing more."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    for sent, expected in ((HANDSHAKE, b'0{"sid"'), (masked("40"), b'40{"sid"')):
        await loop.sock_sendall(client, sent)
        received = b""
        async with asyncio.timeout(20):
            while expected not in received:
                received += await loop.sock_recv(client, 4096)
    return client


async def test_a_client_that_never_reads_is_cut_off_and_its_packets_are_freed(serve: Any) -> None:
    sio = socketio.AsyncServer(max_outbox_size=1_000_000, close_timeout=0.2)
    reasons: list[str] = []
    waiting: list[int] = []

    @sio.on("disconnect")
    def disconnect(sid: str, reason: str) -> None:
        waiting.append(len(session.outbox))
        reasons.append(reason)

    async with serve(sio) as port:
        tasks = len(asyncio.all_tasks())
        client = await connect_slow(port)
        (session,) = sio.eio.sessions.values()
        for _ in range(100):
            await sio.emit("data", "x" * 100_000)
        await until(lambda: reasons == ["transport error"])
        assert waiting[0] > 5
        await until(lambda: not session.outbox)
        assert session.outbox_size == 0
        # What served it ends too, though the client keeps its end open.
        await until(lambda: len(asyncio.all_tasks()) - len(sio.runtime._idle) <= tasks)
        client.close()


async def test_answers_to_one_read_are_bounded_like_all_others(serve: Any) -> None:
    sio = socketio.AsyncServer(max_outbox_size=2_000_000, close_timeout=0.2, stall_timeout=0.5)
    answered = 0
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))

    @sio.on("more")
    async def answer(sid: str) -> None:
        nonlocal answered
        await sio.emit("data", "x" * 100_000, to=sid)
        answered += tracked[0].ended is None

    tracked: list[Any] = []
    async with serve(sio) as port:
        client = await connect_slow(port)
        tracked.extend(sio.eio.sessions.values())
        await asyncio.get_running_loop().sock_sendall(client, masked('42["more"]') * 1000)
        await until(lambda: reasons == ["transport error"])
        # 2 MB may wait, and some more are in the buffers of the connection.
        assert answered < 200
        client.close()


@pytest.mark.parametrize("async_handlers", [True, False], ids=["overlapping", "serial"])
async def test_a_client_that_is_faster_than_its_handlers_waits(
    serve: Any, async_handlers: bool
) -> None:
    """Whether its handlers have begun and wait, or wait for their turn: all is handled at last."""
    sio = socketio.AsyncServer(async_handlers=async_handlers, inbox_high_water=50_000)
    gate = asyncio.Event()
    handled: list[int] = []

    @sio.on("work")
    async def work(sid: str, number: int, data: str) -> None:
        await gate.wait()
        handled.append(number)

    @sio.on("whoami")
    async def whoami(sid: str) -> str:
        return sid

    async with serve(sio) as port:
        fast, other = await connect_slow(port), await connect_slow(port)
        session, _ = sio.eio.sessions.values()
        loop = asyncio.get_running_loop()
        messages = [masked(f'42["work",{number},"{"x" * 1000}"]') for number in range(1000)]
        sending = asyncio.create_task(loop.sock_sendall(fast, b"".join(messages)))
        await until(lambda: session.paused)
        await loop.sock_sendall(other, masked('421["whoami"]'))
        async with asyncio.timeout(20):
            assert b'431["' in await loop.sock_recv(other, 100)
        # No more than what was read when the mark was passed.
        assert 50_000 < session.inbox_size < 100_000
        gate.set()
        await sending
        await until(lambda: len(handled) == 1000)
        assert handled == list(range(1000))
        await until(lambda: session.inbox_size == 0)
        assert session.ended is None and not session.paused
        fast.close()
        other.close()


async def test_a_post_is_answered_when_the_handlers_have_caught_up(serve: Any) -> None:
    sio = socketio.AsyncServer(inbox_high_water=50_000)
    gate = asyncio.Event()
    handled: list[int] = []

    @sio.on("work")
    async def work(sid: str, number: int) -> None:
        await gate.wait()
        handled.append(number)

    async with serve(sio) as port:
        path = "/socket.io/?EIO=4&transport=polling"
        opened = await request(port, "GET", path)
        sid = json.loads(opened.partition(b"\r\n\r\n0")[2])["sid"]
        path += f"&sid={sid}"
        assert (await request(port, "POST", path, b"40")).endswith(b"ok")
        (session,) = sio.eio.sessions.values()
        body = b"\x1e".join(b'42["work",%d]' % number for number in range(1000))
        posting = asyncio.create_task(request(port, "POST", path, body))
        await until(lambda: session.paused)
        assert session.inbox_size < 55_000
        assert not posting.done()
        gate.set()
        assert (await posting).endswith(b"ok")
        await until(lambda: handled == list(range(1000)))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_stranger_is_answered_in_the_middle_of_a_flood(serve: Any, transport: str) -> None:
    sio = socketio.AsyncServer()
    count = 4000
    handled = 0

    @sio.on("work")
    def work(sid: str) -> None:
        nonlocal handled
        handled += 1
        time.sleep(0.0002)  # it computes

    @sio.on("whoami")
    async def whoami(sid: str) -> str:
        return sid

    async with serve(sio) as port:
        loop = asyncio.get_running_loop()
        stranger = await connect_slow(port)
        if transport == "websocket":
            client = await connect_slow(port)
            flooding = loop.sock_sendall(client, masked('42["work"]') * count)
        else:
            path = "/socket.io/?EIO=4&transport=polling"
            opened = await request(port, "GET", path)
            path += "&sid=" + json.loads(opened.partition(b"\r\n\r\n0")[2])["sid"]
            await request(port, "POST", path, b"40")
            flooding = request(port, "POST", path, b"\x1e".join([b'42["work"]'] * count))
        flood = asyncio.create_task(flooding)
        await until(lambda: handled > 0)
        for number in range(1, 4):
            await loop.sock_sendall(stranger, masked(f'42{number}["whoami"]'))
            async with asyncio.timeout(20):
                assert f'43{number}["'.encode() in await loop.sock_recv(stranger, 100)
        assert handled < count
        await until(lambda: handled == count)
        await flood
        if transport == "websocket":
            client.close()
        stranger.close()


async def test_what_goes_on_in_a_later_turn_sees_what_a_middleware_has_set(serve: Any) -> None:
    sio = socketio.AsyncServer()
    seen: set[str] = set()
    handled = 0

    @sio.on("work")
    async def work(sid: str) -> None:
        nonlocal handled
        handled += 1
        seen.add(MIDDLEWARE.get())
        time.sleep(0.0002)  # noqa: ASYNC251  # it computes
        if handled == 1000:
            MIDDLEWARE.set("a handler")

    @sio.on("connect")
    async def connect(sid: str, environ: Any) -> None:
        MIDDLEWARE.set("another handler")

    token = MIDDLEWARE.set("the middleware")
    try:
        async with serve(sio) as port:
            client = await connect_slow(port)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, masked('42["work"]') * 2000)
            await until(lambda: handled == 2000)
            assert seen == {"the middleware"}
            client.close()
    finally:
        MIDDLEWARE.reset(token)


async def test_while_a_client_is_not_read_its_missing_pong_is_no_offence(serve: Any) -> None:
    sio = socketio.AsyncServer(inbox_high_water=5_000, ping_interval=0.2, ping_timeout=0.2)
    gate = asyncio.Event()
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))

    @sio.on("work")
    async def work(sid: str) -> None:
        await gate.wait()

    async with serve(sio) as port:
        fast = await connect_slow(port)
        (session,) = sio.eio.sessions.values()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(fast, masked('42["work"]') * 100)
        received = b""
        async with asyncio.timeout(20):
            while received.count(b"\x81\x012") < 4:  # pinged on, though it does not answer
                received += await loop.sock_recv(fast, 100)
        assert session.paused and reasons == []
        gate.set()
        await until(lambda: reasons == ["ping timeout"])
        fast.close()


async def test_a_pong_behind_a_flood_is_in_time(serve: Any) -> None:
    """The client answers every ping at once; its answers come behind what it has sent before."""
    sio = socketio.AsyncServer(ping_interval=0.1, ping_timeout=0.1)
    reasons: list[str] = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    handled = 0

    @sio.on("work")
    def work(sid: str) -> None:
        nonlocal handled
        handled += 1
        time.sleep(0.001)  # it computes

    async with serve(sio) as port:
        client = await connect_slow(port)
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendall(client, masked('42["work"]') * 1000))
        received = b""
        async with asyncio.timeout(20):
            while handled < 1000 and not reasons:
                received += await loop.sock_recv(client, 100)
                for _ in range(received.count(b"\x81\x012")):
                    await sending
                    await loop.sock_sendall(client, masked("3"))
                received = received[received.rfind(b"\x81\x012") + 3 :]
        assert (handled, reasons) == (1000, [])
        client.close()
        await until(lambda: len(reasons) == 1)


async def test_an_answer_that_is_waited_for_is_read_in_any_case(serve: Any) -> None:
    sio = socketio.AsyncServer(inbox_high_water=5_000)
    answers: list[Any] = []

    @sio.on("ask")
    async def ask(sid: str) -> None:
        answers.append(await sio.call("question", to=sid, timeout=20))

    async with serve(sio) as port:
        client = await connect_slow(port)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, masked('42["ask"]') * 100)
        received = b""
        async with asyncio.timeout(20):
            while received.count(b'["question"]') < 100:
                received += await loop.sock_recv(client, 4096)
        questions = re.findall(rb'42(\d+)\["question"\]', received)
        frames = b"".join(masked(f"43{number.decode()}[1]") for number in questions)
        await loop.sock_sendall(client, frames)
        await until(lambda: len(answers) == 100)
        client.close()


async def test_attachments_that_wait_for_handlers_are_counted() -> None:
    sio = socketio.AsyncServer(max_inbox_size=100_000)
    gate = asyncio.Event()

    @sio.on("work")
    async def work(sid: str, data: bytes) -> None:
        await gate.wait()

    client = AsyncTestClient(sio)
    await client.connect()
    session = client.session
    assert isinstance(session, Session)
    for _ in range(2):
        session.receive('451-["work",{"_placeholder":true,"num":0}]')
        session.receive(b"x" * 40_000)
    assert session.ended is None
    assert 82_000 < session.inbox_size < 86_000
    session.receive('451-["work",{"_placeholder":true,"num":0}]')
    session.receive(b"x" * 40_000)
    assert session.ended == "transport error"
    gate.set()
    await until(lambda: session.inbox_size == 0)
    await sio.shutdown()


async def test_one_message_alone_is_never_too_much() -> None:
    sio = socketio.AsyncServer(max_inbox_size=100_000)
    gate = asyncio.Event()

    @sio.on("work")
    async def work(sid: str, data: Any) -> None:
        await gate.wait()

    client = AsyncTestClient(sio)
    await client.connect()
    session = client.session
    assert isinstance(session, Session)
    session.receive(f'42["work",[{",".join(["[]"] * 10_000)}]]')
    assert session.inbox_size > 700_000  # what it takes, of 30,000 characters
    assert session.ended is None
    session.receive('42["work",0]')
    assert session.ended == "transport error"
    gate.set()
    await until(lambda: session.inbox_size == 0)
    await sio.shutdown()


async def test_a_request_with_more_headers_than_allowed_is_told_so(serve: Any) -> None:
    sio = socketio.AsyncServer(max_head_size=2_000)
    async with serve(sio) as port:
        for handshake in (HANDSHAKE, HANDSHAKE.replace(b"Upgrade: websocket\r\n", b"")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(handshake.replace(b"\r\n\r\n", b"\r\nCookie: %b\r\n\r\n" % (b"x" * 2000)))
            answer = await asyncio.wait_for(reader.readuntil(b"see max_head_size"), 20)
            # Not every server lets an application refuse a websocket with an answer of its own.
            assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 403 "))
            writer.close()
            await writer.wait_closed()
        assert not sio.eio.sessions
        client = await connect_slow(port)
        client.close()


async def test_clients_that_are_connecting_are_counted() -> None:
    sio = socketio.AsyncServer(max_inbox_size=50_000, namespaces="*")
    gate = asyncio.Event()

    @sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any) -> None:
        await gate.wait()

    client = AsyncTestClient(sio)
    connecting = asyncio.create_task(client.connect("/0"))
    await until(lambda: client.session is not None)
    session = client.session
    assert isinstance(session, Session)
    for number in range(1, 100):
        session.receive(f"40/{number},")
    assert session.ended == "transport error"
    gate.set()
    with pytest.raises(ConnectionError):
        await connecting
    await until(lambda: session.inbox_size == 0)
    assert not sio.environ
    await sio.shutdown()


@pytest.mark.parametrize("serve", sorted(SERVERS.keys() - {"unreachable"}), indirect=True)
async def test_a_refused_websocket_is_no_error_of_the_server(
    serve: Any, logged_errors: Callable[[], list[str]]
) -> None:
    sio = socketio.AsyncServer()
    async with serve(sio) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE.replace(b"EIO=4", b"EIO=4&sid=unknown"))
        answer = await asyncio.wait_for(reader.readuntil(b'"code": 1'), 20)
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert logged_errors() == []


@pytest.mark.parametrize("body", [b"a&b&c&d=1&e&f&g", b"x=1", b"&&&&&&&&"])
async def test_a_jsonp_form_that_is_none_is_the_clients_fault(
    serve: Any, body: bytes, logged_errors: Callable[[], list[str]]
) -> None:
    sio = socketio.AsyncServer()
    async with serve(sio) as port:
        query = "/socket.io/?EIO=4&transport=polling"
        opened = await request(port, "GET", query)
        sid = json.loads(opened.partition(b"\r\n\r\n0")[2])["sid"]
        answer = await request(port, "POST", f"{query}&j=0&sid={sid}", body)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code": 3' in answer
    assert logged_errors() == []


async def request(port: int, method: str, path: str, body: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer
