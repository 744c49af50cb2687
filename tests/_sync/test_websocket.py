"""Websockets on the raw socket of a real server, by a real client and by raw frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import connect as asyncio_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from socketio.engine import Engine
from socketio.middleware import WSGIApp
from socketio.protocol.engine import MESSAGE, EnginePacket
from socketio.web.raw_websocket import LoopWebSocket
from socketio.web.wsgi import WSGIRequest

from .conftest import DEADLINE, Log, Poller, Serve, Server, until


class RawWebSocket:
    """A websocket whose frames are made by hand."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
        self.socket.sendall(
            b"GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"HTTP/1.1 101 ")
        while self.file.readline() != b"\r\n":
            pass
        self.handshake = json.loads(self.receive()[1][1:])
        self.sid: str = self.handshake["sid"]

    def send(self, first: int, payload: bytes = b"", mask: bool = True) -> None:
        length = len(payload)
        head = bytes((first, (0x80 if mask else 0) | min(length, 126)))
        if length > 125:
            head += struct.pack("!H", length)
        self.socket.sendall(head + (b"\0\0\0\0" if mask else b"") + payload)

    def receive(self) -> tuple[int, bytes]:
        head = self.file.read(2)
        if not head:
            return 0, b""
        length = head[1]
        if length == 126:
            length = struct.unpack("!H", self.file.read(2))[0]
        return head[0], self.file.read(length)

    def close_code(self) -> int:
        first, payload = self.receive()
        assert first == 0x88
        code: int = struct.unpack("!H", payload[:2])[0]
        return code

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def raw() -> Iterator[Callable[[Server], RawWebSocket]]:
    with contextlib.ExitStack() as stack:

        def open_raw(server: Server) -> RawWebSocket:
            return stack.enter_context(contextlib.closing(RawWebSocket(server)))

        yield open_raw


def open_client(open_websocket: Callable[..., Any], server: Server) -> tuple[Any, str]:
    websocket = open_websocket(server.websocket_url())
    return websocket, json.loads(websocket.recv()[1:])["sid"]


# -- messages ---------------------------------------------------------------------------------


def test_messages_both_ways(
    serve: Serve, echo: Engine, log: Log, open_websocket: Callable[..., Any]
) -> None:
    websocket = open_websocket(serve(echo).websocket_url())
    handshake = json.loads(websocket.recv()[1:])
    assert handshake["upgrades"] == []
    log.wait_for("connect", handshake["sid"])
    assert echo.transport(handshake["sid"]) == "websocket"
    for text in ("", "hello", "✓ é 🎉", "x" * 70_000):
        websocket.send("4" + text)
        assert websocket.recv() == "4" + text
    for data in (b"", b"\0\1\2", b"\xa5" * 70_000):
        websocket.send(data)
        assert websocket.recv() == data
    websocket.close()
    log.wait_for("disconnect", handshake["sid"], "transport close")


def test_a_thousand_messages_stay_in_order(
    serve: Serve, echo: Engine, open_websocket: Callable[..., Any]
) -> None:
    websocket, _ = open_client(open_websocket, serve(echo))
    for number in range(1000):
        websocket.send(f"4{number}")
    assert [websocket.recv(DEADLINE) for _ in range(1000)] == [f"4{n}" for n in range(1000)]


def test_what_the_connect_handler_sends_comes_after_the_handshake(
    serve: Serve, open_websocket: Callable[..., Any]
) -> None:
    engine = Engine(cookie={"name": "io"})
    engine.on("connect", lambda sid, environ: engine.send(sid, "first"))
    websocket = open_websocket(serve(engine).websocket_url())
    assert websocket.recv()[0] == "0"
    assert websocket.recv() == "4first"
    assert "io=" in websocket.response.headers["Set-Cookie"]


def test_a_cookie_that_cannot_be_sent(
    serve: Serve, log: Log, open_websocket: Callable[..., Any]
) -> None:
    engine = Engine(cookie=lambda sid, environ: "io=\r\n")
    engine.on("disconnect", lambda sid, reason: log.add(reason))
    with pytest.raises(InvalidStatus):
        open_websocket(serve(engine).websocket_url())
    log.wait_for("transport close")
    assert engine.sockets == {}


def test_the_client_closes_with_a_packet(
    serve: Serve, echo: Engine, log: Log, open_websocket: Callable[..., Any]
) -> None:
    websocket, sid = open_client(open_websocket, serve(echo))
    websocket.send("1")
    with pytest.raises(ConnectionClosed) as caught:
        websocket.recv(DEADLINE)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1000
    log.wait_for("disconnect", sid, "client disconnect")


def test_the_server_closes(
    serve: Serve, echo: Engine, log: Log, open_websocket: Callable[..., Any]
) -> None:
    websocket, sid = open_client(open_websocket, serve(echo))
    echo.send(sid, "last words")
    echo.disconnect(sid)
    assert websocket.recv(DEADLINE) == "4last words"
    with pytest.raises(ConnectionClosed) as caught:
        websocket.recv(DEADLINE)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1000
    log.wait_for("disconnect", sid, "server disconnect")


def test_pings_and_pongs(serve: Serve, open_websocket: Callable[..., Any], log: Log) -> None:
    engine = Engine(ping_interval=0.05, ping_timeout=1.5)
    engine.on("disconnect", lambda sid, reason: log.add(reason))
    websocket, _ = open_client(open_websocket, serve(engine))
    for _ in range(3):
        assert websocket.recv(DEADLINE) == "2"
        websocket.send("3")
    log.wait_for("ping timeout")


# -- frames -----------------------------------------------------------------------------------


def test_a_ping_frame_in_the_middle_of_a_message(
    serve: Serve, echo: Engine, raw: Callable[..., RawWebSocket]
) -> None:
    client = raw(serve(echo))
    client.send(0x01, b"4hel")
    client.send(0x89, b"are you there?")
    assert client.receive() == (0x8A, b"are you there?")
    client.send(0x8A, b"unasked")
    client.send(0x00, b"lo ")
    client.send(0x80, "✓".encode())
    assert client.receive() == (0x81, "4hello ✓".encode())


def test_the_close_handshake(
    serve: Serve, echo: Engine, log: Log, raw: Callable[..., RawWebSocket]
) -> None:
    client = raw(serve(echo))
    client.send(0x88, struct.pack("!H", 1001) + b"going away")
    assert client.receive() == (0x88, struct.pack("!H", 1001))
    assert client.receive() == (0, b"")  # the server closes the connection first
    log.wait_for("disconnect", client.sid, "transport close")


@pytest.mark.parametrize(
    ("first", "payload", "mask", "code"),
    [
        (0x81, b"4not masked", False, 1002),
        (0xC1, b"4reserved", True, 1002),
        (0x83, b"unknown", True, 1002),
        (0x80, b"of nothing", True, 1002),
        (0x81, b"4\xff", True, 1007),
        (0x81, b"4" + b"x" * 1000, True, 1009),
        (0x82, b"x" * 1001, True, 1009),
    ],
)
def test_a_bad_frame_ends_the_session(
    serve: Serve,
    echo: Engine,
    log: Log,
    raw: Callable[..., RawWebSocket],
    first: int,
    payload: bytes,
    mask: bool,
    code: int,
) -> None:
    echo.config.max_http_buffer_size = 1000
    client = raw(serve(echo))
    client.send(0x81, b"4fine")
    assert client.receive() == (0x81, b"4fine")
    client.send(first, payload, mask)
    assert client.close_code() == code
    assert client.receive() == (0, b"")  # and no HTTP answer after it
    log.wait_for("disconnect", client.sid, "transport error")


@pytest.mark.parametrize("packet", ["9", "bAAE=", "2", "", "0{}"])
def test_a_bad_packet_ends_the_session(
    serve: Serve, echo: Engine, log: Log, raw: Callable[..., RawWebSocket], packet: str
) -> None:
    client = raw(serve(echo))
    client.send(0x81, packet.encode())
    assert client.close_code() == 1000
    log.wait_for("disconnect", client.sid, "transport error")


def test_a_client_that_vanishes(
    serve: Serve, echo: Engine, log: Log, raw: Callable[..., RawWebSocket]
) -> None:
    client = raw(serve(echo))
    reset = struct.pack("ii", 1, 0)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    client.close()
    log.wait_for("disconnect", client.sid, "transport close")
    assert echo.sockets == {}


def test_a_client_that_never_answers_the_close_frame(
    serve: Serve, echo: Engine, log: Log, raw: Callable[..., RawWebSocket]
) -> None:
    echo.config.close_timeout = 0.1
    client = raw(serve(echo))
    echo.disconnect(client.sid)
    assert client.close_code() == 1000
    assert client.receive() == (0, b"")


def test_a_shutdown_ends_websockets_whose_clients_do_not_answer(
    serve: Serve, raw: Callable[..., RawWebSocket]
) -> None:
    engine = Engine(close_timeout=0.2)
    client = raw(serve(engine))
    engine.shutdown()
    assert client.close_code() == 1000
    assert client.receive() == (0, b"")


def test_a_shutdown_ends_websockets_whose_clients_do_not_read(
    serve: Serve, raw: Callable[..., RawWebSocket]
) -> None:
    engine = Engine(close_timeout=0.2)
    client = raw(serve(engine))
    for _ in range(300):
        engine.send(client.sid, "x" * 60_000)
    engine.shutdown()
    received = 0
    with contextlib.suppress(ConnectionResetError):
        while data := client.file.read1(1_000_000):
            received += len(data)
    assert 0 < received < 300 * 60_000


# -- slow clients -----------------------------------------------------------------------------


def test_a_slow_client_holds_up_nobody_and_gets_everything(
    serve: Serve,
    echo: Engine,
    raw: Callable[..., RawWebSocket],
    within: Callable[[float, float], None],
) -> None:
    server = serve(echo)
    slow, quick = raw(server), raw(server)
    packets = [EnginePacket(MESSAGE, f"{number}:" + "x" * 60_000) for number in range(200)]
    began = echo.runtime.now()
    for packet in packets:
        for sid in (slow.sid, quick.sid):
            echo.send_packet(sid, packet)
    seconds = echo.runtime.now() - began
    assert echo.session_of(slow.sid).outbox_size > 1_000_000
    for packet in packets:
        assert quick.receive()[1] == f"4{packet.data!s}".encode()
    for packet in packets:
        assert slow.receive()[1] == f"4{packet.data!s}".encode()
    echo.send(slow.sid, "and on")
    assert slow.receive() == (0x81, b"4and on")
    within(seconds, 5)


def test_many_threads_send_to_a_slow_client(
    serve: Serve, echo: Engine, raw: Callable[..., RawWebSocket]
) -> None:
    client = raw(serve(echo))

    def send(name: int) -> None:
        for number in range(50):
            echo.send(client.sid, f"{name} {number} " + "x" * 20_000)

    threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    seen: dict[str, list[int]] = {}
    for _ in range(200):
        name, number, filler = client.receive()[1].decode().split(" ")
        assert filler == "x" * 20_000
        seen.setdefault(name, []).append(int(number))
    for thread in threads:
        thread.join(DEADLINE)
    assert seen == {f"4{name}": list(range(50)) for name in range(4)}


def test_a_client_that_reads_nothing_is_dropped(
    serve: Serve, log: Log, raw: Callable[..., RawWebSocket]
) -> None:
    engine = Engine(max_outbox_size=1_000_000, close_timeout=0.1)
    engine.on("disconnect", lambda sid, reason: log.add(reason))
    client = raw(serve(engine))
    for _ in range(400):
        engine.send(client.sid, "x" * 50_000)
    log.wait_for("transport error")
    assert engine.sockets == {}


def test_pongs_for_a_client_that_reads_nothing_do_not_pile_up(
    serve: Serve, log: Log, raw: Callable[..., RawWebSocket]
) -> None:
    engine = Engine()
    engine.on("message", lambda sid, data: log.add(data))
    client = raw(serve(engine))
    for _ in range(300):
        engine.send(client.sid, "x" * 60_000)
    for number in range(1000):
        client.send(0x89, b"%d" % number)
    client.send(0x81, b"4all sent")
    log.wait_for("all sent")
    engine.send(client.sid, "the end")
    pongs = []
    while (received := client.receive()) != (0x81, b"4the end"):
        if received[0] == 0x8A:
            pongs.append(received[1])
    assert pongs == [b"999"]


def test_a_close_waits_for_what_was_sent_before(
    serve: Serve, echo: Engine, raw: Callable[..., RawWebSocket]
) -> None:
    client = raw(serve(echo))
    for number in range(200):
        echo.send(client.sid, f"{number} " + "x" * 50_000)
    echo.disconnect(client.sid)
    for number in range(200):
        assert client.receive()[1].startswith(b"4%d " % number)
    assert client.close_code() == 1000


# -- upgrade ----------------------------------------------------------------------------------


def test_an_upgrade(
    serve: Serve, echo: Engine, log: Log, open_websocket: Callable[..., Any]
) -> None:
    server = serve(echo)
    client = Poller(server)
    waiting = client.get_beside()
    websocket = open_websocket(server.websocket_url(client.sid))
    websocket.send("2probe")
    assert websocket.recv(DEADLINE) == "3probe"
    assert waiting().text == "6"
    echo.send(client.sid, "queued")
    websocket.send("5")
    assert websocket.recv(DEADLINE) == "4queued"
    websocket.send("4hello")
    assert websocket.recv(DEADLINE) == "4hello"
    assert echo.transport(client.sid) == "websocket"
    answer = client.get()
    assert answer.status == 400
    websocket.close()
    log.wait_for("disconnect", client.sid, "transport close")
    assert len(log.items) == 2


def test_messages_stay_in_order_across_an_upgrade(
    serve: Serve, echo: Engine, open_websocket: Callable[..., Any]
) -> None:
    server = serve(echo)
    client = Poller(server)
    sender = threading.Thread(
        target=lambda: [echo.send(client.sid, f"{number}") for number in range(2000)]
    )
    sender.start()
    received = client.get().text.split("\x1e")
    websocket = open_websocket(server.websocket_url(client.sid))
    websocket.send("2probe")
    assert websocket.recv(DEADLINE) == "3probe"
    received += [packet for packet in client.get().text.split("\x1e") if packet != "6"]
    websocket.send("5")
    while len(received) < 2000:
        received.append(websocket.recv(DEADLINE))
    sender.join(DEADLINE)
    assert received == [f"4{number}" for number in range(2000)]


def test_an_upgrade_that_dies_leaves_polling_working(
    serve: Serve, echo: Engine, open_websocket: Callable[..., Any]
) -> None:
    server = serve(echo)
    client = Poller(server)
    for last in ("2probe", None):
        websocket = open_websocket(server.websocket_url(client.sid))
        if last is not None:
            websocket.send(last)
            assert websocket.recv(DEADLINE) == "3probe"
        websocket.close()
    until(lambda: echo.session_of(client.sid).upgrading is None)
    client.post("4hello")
    assert client.get().text == "4hello"


def test_a_second_websocket_of_a_session_is_accepted_and_closed(
    serve: Serve, echo: Engine, open_websocket: Callable[..., Any]
) -> None:
    """A client without an error listener dies of a refusal."""
    server = serve(echo)
    client = Poller(server)
    websocket = open_websocket(server.websocket_url(client.sid))
    assert [*open_websocket(server.websocket_url(client.sid))] == []
    websocket.send("2probe")
    assert websocket.recv(DEADLINE) == "3probe"
    websocket.send("5")
    websocket.send("4hello")
    assert websocket.recv(DEADLINE) == "4hello"
    late = open_websocket(server.websocket_url(client.sid))
    with contextlib.suppress(ConnectionClosed):
        late.send("4this is nobody's")
    assert [*late] == []
    websocket.send("4again")
    assert websocket.recv(DEADLINE) == "4again"


@pytest.mark.parametrize("message", ["5", "4hello", "2", b"2probe", "x"])
def test_anything_but_a_probe_ends_the_upgrade(
    serve: Serve, echo: Engine, open_websocket: Callable[..., Any], message: str | bytes
) -> None:
    server = serve(echo)
    client = Poller(server)
    websocket = open_websocket(server.websocket_url(client.sid))
    websocket.send(message)
    with pytest.raises(ConnectionClosed) as caught:
        websocket.recv(DEADLINE)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1002
    client.post("4hello")
    assert client.get().text == "4hello"


def test_an_upgrade_times_out(
    serve: Serve, echo: Engine, open_websocket: Callable[..., Any]
) -> None:
    echo.config.upgrade_timeout = 1
    server = serve(echo)
    client = Poller(server)
    websocket = open_websocket(server.websocket_url(client.sid))
    websocket.send("2probe")
    assert websocket.recv(DEADLINE) == "3probe"
    with pytest.raises(ConnectionClosed) as caught:
        websocket.recv(DEADLINE)
    assert caught.value.rcvd is not None and caught.value.rcvd.reason == "upgrade timeout"
    client.post("4hello")
    assert client.get().text == "4hello"


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("&sid=unknown", 400),
        ("&transport=x", 400),
    ],
)
def test_a_websocket_is_refused_by_http(
    serve: Serve,
    echo: Engine,
    open_websocket: Callable[..., Any],
    change: str,
    status: int,
) -> None:
    url = serve(echo).websocket_url()
    url = url.replace("transport=websocket", change[1:]) if "transport" in change else url + change
    with pytest.raises(InvalidStatus) as caught:
        open_websocket(url)
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["message"]


def test_a_refusing_connect_handler(serve: Serve, open_websocket: Callable[..., Any]) -> None:
    engine = Engine()
    engine.on("connect", lambda sid, environ: False)
    with pytest.raises(InvalidStatus) as caught:
        open_websocket(serve(engine).websocket_url())
    assert caught.value.response.status_code == 401
    assert engine.sockets == {}


def test_another_origin_is_refused(serve: Serve, open_websocket: Callable[..., Any]) -> None:
    engine = Engine()
    with pytest.raises(InvalidStatus) as caught:
        open_websocket(serve(engine).websocket_url(), origin="https://elsewhere.example")
    assert caught.value.response.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Version": "8"},
        {"Connection": "keep-alive"},
    ],
)
def test_no_valid_opening_handshake(serve: Serve, echo: Engine, headers: dict[str, str]) -> None:
    good = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    path = "/engine.io/?EIO=4&transport=websocket"
    answer = serve(echo).request("GET", path, headers={**good, **headers})
    assert answer.status == 400
    assert "Invalid websocket upgrade" in answer.json["message"]
    assert echo.sockets == {}


def test_a_server_that_gives_no_socket(
    serve: Serve,
    echo: Engine,
    open_websocket: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = WSGIApp(echo, socketio_path="engine.io")

    def without_socket(environ: dict[str, Any], start_response: Any) -> Any:
        environ.pop("werkzeug.socket")
        return app(environ, start_response)

    server = serve(without_socket)
    client = Poller(server)
    with caplog.at_level(logging.WARNING, "engineio.server"):
        for _ in range(2):
            with pytest.raises(InvalidStatus):
                open_websocket(server.websocket_url(client.sid))
    said = [record for record in caplog.records if "cannot serve" in record.message]
    assert len(said) == 1
    client.post("4hello")
    assert client.get().text == "4hello"
    echo.shutdown()


@pytest.mark.parametrize("async_handlers", [True, False], ids=["overlapping", "serial"])
def test_a_client_that_is_faster_than_its_handlers_waits(
    serve: Serve, log: Log, open_websocket: Callable[..., Any], async_handlers: bool
) -> None:
    engine = Engine(async_handlers=async_handlers, inbox_high_water=50_000)
    gate = threading.Event()

    @engine.on("message")
    def message(sid: str, data: str) -> None:
        if data == "echo":
            engine.send(sid, data)
            return
        assert gate.wait(DEADLINE)
        log.add(sid, int(data[:4]))

    server = serve(engine)
    fast, other = (open_websocket(server.websocket_url()) for _ in range(2))
    sid, _ = (json.loads(websocket.recv()[1:])["sid"] for websocket in (fast, other))
    session = engine.sockets[sid]

    def send() -> None:
        for number in range(1000):
            fast.send(f"4{number:04}" + "x" * 1000)

    sending = threading.Thread(target=send)
    sending.start()
    until(lambda: session.paused)
    other.send("4echo")
    assert other.recv(DEADLINE) == "4echo"
    assert session.inbox_size < 55_000
    gate.set()
    sending.join(DEADLINE)
    assert not sending.is_alive()
    # Those that overlap end in any order.
    assert sorted(log.wait_for_count(1000)) == [(sid, number) for number in range(1000)]
    until(lambda: session.inbox_size == 0)
    assert session.ended is None and not session.paused


def test_a_post_is_answered_when_the_handlers_have_caught_up(serve: Serve, log: Log) -> None:
    engine = Engine(inbox_high_water=50_000)
    gate = threading.Event()

    @engine.on("message")
    def message(sid: str, data: str) -> None:
        assert gate.wait(DEADLINE)
        log.add(int(data))

    server = serve(engine)
    client = Poller(server)
    session = engine.sockets[client.sid]
    body = "\x1e".join(f"4{number}" for number in range(1000))
    answers: list[str] = []
    posting = threading.Thread(target=lambda: answers.append(client.post(body).text))
    posting.start()
    until(lambda: session.paused)
    assert session.inbox_size < 55_000
    assert answers == []
    gate.set()
    posting.join(DEADLINE)
    assert answers == ["ok"]
    assert sorted(log.wait_for_count(1000)) == [(number,) for number in range(1000)]


# -- TLS --------------------------------------------------------------------------------------


async def test_websockets_over_tls(serve: Serve, echo: Engine, log: Log) -> None:
    """With a client of one thread: CPython lets two threads into one TLS connection at once."""
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    server = serve(echo, ours)
    async with (
        asyncio.timeout(6 * DEADLINE),
        asyncio_connect(server.websocket_url(), ssl=theirs, compression=None) as websocket,
    ):
        sid = json.loads((await websocket.recv())[1:])["sid"]
        for size in (1, 1000, 100_000, 900_000):
            await websocket.send("4" + "x" * size)
            assert len(await websocket.recv()) == size + 1
        for number in range(300):
            await websocket.send(f"4{number}")
        assert [await websocket.recv() for _ in range(300)] == [f"4{n}" for n in range(300)]
        for number in range(50):
            echo.send(sid, f"{number} " + "x" * 100_000)
        for number in range(50):
            assert str(await websocket.recv()).startswith(f"4{number} ")
        echo.disconnect(sid)
        with pytest.raises(ConnectionClosed):
            await websocket.recv()
    await asyncio.to_thread(log.wait_for, "disconnect", sid, "server disconnect")


class EndlessTLS(ssl.SSLSocket):
    """A client that sends faster than we read; OpenSSL holds nothing back."""

    def __init__(self) -> None:
        self.reads = 0

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self.reads += 1
        assert self.reads < 100, "the loop reads this one client only"
        return b"\x8a\x80\0\0\0\0"

    def pending(self) -> int:
        return 0


def test_a_client_that_sends_quickly_over_tls_does_not_keep_the_loop(echo: Engine) -> None:
    opening = {
        "REQUEST_METHOD": "GET",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    connection = EndlessTLS()
    websocket = LoopWebSocket(echo, WSGIRequest(opening), connection)
    websocket.read()
    assert len(websocket.messages) == connection.reads == 1
    echo.runtime.close()
