"""The two protocols by hand: what a client puts on the wire, without a client library.

``EngineSession`` speaks Engine.IO 4 (packets as they stand in the specification: ``"4hello"``,
``"2"``, bytes). ``Peer`` speaks Socket.IO 5 over one such session, by polling or websocket, and
answers pings. Nothing here is shared with the library under test.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

DEADLINE = 20.0
"""Seconds for anything that a test waits for; less than a ping takes to be due."""
SEPARATOR = "\x1e"
Packet = str | bytes


@dataclass(frozen=True)
class Answer:
    """An HTTP response, read to its end."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def error(self) -> Any:
        """The JSON object in the body of a refusal."""
        return json.loads(self.text)


class ClosedError(Exception):
    """The other side has ended the session."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class WebSocket:
    """A websocket of which every frame is seen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, packet: Packet) -> None:
        """Send one frame, text or binary by its type."""
        if isinstance(packet, str):
            await self.socket.send_str(packet)
        else:
            await self.socket.send_bytes(packet)

    async def receive(self, deadline: float = DEADLINE) -> Packet:
        """Return the next frame.

        Raises:
            ClosedError: the server closed the websocket.
        """
        async with asyncio.timeout(deadline):
            frame = await self.socket.receive()
        if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            data: Packet = frame.data
            return data
        raise ClosedError(self.socket.close_code)

    async def ended(self, deadline: float = DEADLINE) -> int | None:
        """Wait for the server to close it, whatever it says before; return the code."""
        async with asyncio.timeout(deadline):
            while True:
                try:
                    await self.receive(deadline)
                except ClosedError as closed:
                    return closed.code

    async def close(self) -> None:
        """Close it properly."""
        await self.socket.close()


class EngineSession:
    """One Engine.IO session.

    Args:
        http: connections to use.
        base: base URL of the server.
        path: path of the engine, without slashes.
    """

    def __init__(self, http: aiohttp.ClientSession, base: str, path: str = "socket.io") -> None:
        self.http = http
        self.url = f"{base}/{path}/"
        self.handshake: dict[str, Any] = {}
        self.sid: str | None = None
        self.socket: WebSocket | None = None
        self.websockets: list[WebSocket] = []
        """All that were opened, to be closed at the end."""

    def query(self, transport: str | None = "polling", **more: str | None) -> dict[str, str]:
        """Return the query parameters of a request; a None takes one away."""
        everything = {"EIO": "4", "transport": transport, "sid": self.sid, **more}
        return {name: value for name, value in everything.items() if value is not None}

    async def request(
        self,
        method: str = "GET",
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = DEADLINE,
        **query: str | None,
    ) -> Answer:
        """Send one HTTP request and read the whole answer."""
        if isinstance(data, str):
            data = data.encode()
            headers = {"Content-Type": "text/plain;charset=UTF-8", **(headers or {})}
        async with asyncio.timeout(deadline):
            async with self.http.request(
                method, self.url, params=self.query(**query), data=data, headers=headers
            ) as response:
                return Answer(
                    response.status,
                    (await response.read()).decode(),
                    {name.lower(): value for name, value in response.headers.items()},
                )

    def _opened(self, packet: Packet) -> dict[str, Any]:
        assert isinstance(packet, str), packet
        assert packet.startswith("0"), packet
        self.handshake = json.loads(packet[1:])
        self.sid = self.handshake["sid"]
        return self.handshake

    async def open_polling(self) -> dict[str, Any]:
        """Open the session by polling and return the handshake."""
        answer = await self.request()
        assert answer.status == 200, answer
        return self._opened(answer.text)

    async def open_websocket(self) -> dict[str, Any]:
        """Open the session on a websocket and return the handshake."""
        self.socket = await self.websocket()
        return self._opened(await self.socket.receive())

    async def websocket(self, **query: str | None) -> WebSocket:
        """Open a websocket, for this session if it has a sid."""
        url = self.url.replace("http", "ws", 1)
        parameters = self.query("websocket", **query)
        text = "&".join(f"{name}={value}" for name, value in parameters.items())
        socket = WebSocket(
            await self.http.ws_connect(
                f"{url}?{text}", max_msg_size=0, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
            )
        )
        self.websockets.append(socket)
        return socket

    async def close(self) -> None:
        """Close every websocket that is still open."""
        for socket in self.websockets:
            await socket.close()

    async def poll(self, deadline: float = DEADLINE) -> list[str]:
        """Return the packets of one poll."""
        answer = await self.request(deadline=deadline)
        if answer.status != 200:
            raise ClosedError(answer.status)
        return answer.text.split(SEPARATOR)

    async def post(self, *packets: str) -> Answer:
        """Post a payload of packets."""
        return await self.request("POST", SEPARATOR.join(packets))

    async def upgrade(self, pending: list[str] | None = None) -> WebSocket:
        """Do the whole upgrade; ``pending`` receives what the ending poll brought."""
        poll = asyncio.create_task(self.poll())
        try:
            socket = await self.websocket()
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
            packets = await poll
        except BaseException:
            poll.cancel()
            raise
        if pending is not None:
            pending += packets
        while "6" not in packets:
            packets = await self.poll()
            if pending is not None:
                pending += packets
        await socket.send("5")
        self.socket = socket
        return socket

    async def gone(self, deadline: float = DEADLINE) -> None:
        """Wait until the server has ended this session, on whatever transport."""
        async with asyncio.timeout(deadline):
            if self.socket is not None:
                await self.socket.ended(deadline)
                return
            while True:
                answer = await self.request(deadline=deadline)
                if answer.status != 200:
                    assert answer.status == 400, answer
                    return

    async def alive(self) -> None:
        """Check that the session still takes part: the engine knows it."""
        if self.socket is not None:
            assert not self.socket.socket.closed
        else:
            answer = await self.post("6")
            assert (answer.status, answer.text) == (200, "ok"), answer


class Peer:
    """A Socket.IO client by hand, on one Engine.IO session.

    Args:
        engine: the session, not yet opened.
        transport: ``polling`` or ``websocket``.
    """

    def __init__(self, engine: EngineSession, transport: str = "websocket") -> None:
        self.engine = engine
        self.transport = transport
        self.sids: dict[str, str] = {}
        self._inbox: deque[Packet] = deque()
        self._next_id = 0

    async def open(self) -> Peer:
        """Open the Engine.IO session."""
        if self.transport == "websocket":
            await self.engine.open_websocket()
        else:
            await self.engine.open_polling()
        return self

    async def connect(self, namespace: str = "/", auth: Any = ...) -> str:
        """Join a namespace and return its sid."""
        await self.send(connect_packet(namespace, auth))
        prefix = "0" if namespace == "/" else f"0{namespace},"
        packet = await self.receive()
        assert isinstance(packet, str), packet
        assert packet.startswith(prefix + "{"), packet
        answer = json.loads(packet[len(prefix) :])
        assert answer.keys() == {"sid"}, answer
        self.sids[namespace] = answer["sid"]
        sid: str = answer["sid"]
        return sid

    async def send(self, packet: str, *attachments: bytes) -> None:
        """Send a Socket.IO packet and its attachments."""
        if self.engine.socket is not None:
            await self.engine.socket.send("4" + packet)
            for attachment in attachments:
                await self.engine.socket.send(attachment)
            return
        blobs = [f"b{base64.b64encode(attachment).decode()}" for attachment in attachments]
        answer = await self.engine.post("4" + packet, *blobs)
        if answer.status != 200:
            raise ClosedError(answer.status)
        assert answer.text == "ok", answer

    async def raw(self, *packets: Packet) -> None:
        """Send Engine.IO packets as they are; a closed session is not reported here."""
        if self.engine.socket is not None:
            try:
                for packet in packets:
                    await self.engine.socket.send(packet)
            except (ConnectionError, aiohttp.ClientConnectionError):
                pass  # the server has closed it already, which is what tests send this for
            return
        texts = [
            packet if isinstance(packet, str) else f"b{base64.b64encode(packet).decode()}"
            for packet in packets
        ]
        await self.engine.post(*texts)

    async def receive(self, deadline: float = DEADLINE) -> Packet:
        """Return the next Socket.IO packet or attachment, answering pings meanwhile.

        Raises:
            ClosedError: the server has ended the session.
        """
        async with asyncio.timeout(deadline):
            while True:
                if not self._inbox:
                    await self._fill(deadline)
                packet = self._inbox.popleft()
                if isinstance(packet, bytes):
                    return packet
                if packet[:1] == "b":
                    return base64.b64decode(packet[1:])
                if packet[:1] == "4":
                    return packet[1:]
                if packet == "2":
                    await self.raw("3")
                elif packet == "1":
                    raise ClosedError
                else:
                    assert packet == "6", f"unexpected Engine.IO packet {packet!r}"
                    assert self.engine.socket is None, "noop on a websocket"

    async def _fill(self, deadline: float) -> None:
        if self.engine.socket is not None:
            self._inbox.append(await self.engine.socket.receive(deadline))
        else:
            self._inbox.extend(await self.engine.poll(deadline))

    async def event(self, deadline: float = DEADLINE) -> list[Any]:
        """Return the next event as ``[name, *args]``, attachments in their places."""
        kind, _, _, data = await self.packet(deadline)
        assert kind in "25", (kind, data)
        assert isinstance(data, list), data
        return data

    async def packet(self, deadline: float = DEADLINE) -> tuple[str, str, int | None, Any]:
        """Return the next packet as (type, namespace, ack id, data)."""
        text = await self.receive(deadline)
        assert isinstance(text, str), text
        kind, count, namespace, number, data = take_apart(text)
        blobs = []
        for _ in range(count):
            blob = await self.receive(deadline)
            assert isinstance(blob, bytes), blob
            blobs.append(blob)
        return kind, namespace, number, fill_in(data, blobs)

    async def emit(self, *args: Any, namespace: str = "/") -> None:
        """Send an event without binary."""
        await self.send(event_packet(args, namespace))

    async def ask(self, *args: Any, namespace: str = "/", deadline: float = DEADLINE) -> list[Any]:
        """Send an event with an ack id and return the answer; other packets are put aside."""
        number = self._next_id
        self._next_id += 1
        await self.send(event_packet(args, namespace, number))
        aside: list[Packet] = []
        async with asyncio.timeout(deadline):
            while True:
                packet = await self.receive(deadline)
                if isinstance(packet, str) and packet[0] in "36":
                    kind, count, where, answered, data = take_apart(packet)
                    if (where, answered) == (namespace, number):
                        blobs = [await self.receive(deadline) for _ in range(count)]
                        self._inbox.extendleft(
                            "4" + other if isinstance(other, str) else other
                            for other in reversed(aside)
                        )
                        answer = fill_in(data, blobs)
                        assert isinstance(answer, list), (kind, answer)
                        return answer
                aside.append(packet)

    async def gone(self, deadline: float = DEADLINE) -> None:
        """Wait until the server has ended the session."""
        await self.engine.gone(deadline)


def connect_packet(namespace: str = "/", auth: Any = ...) -> str:
    """Return a CONNECT packet; ``auth=...`` leaves the payload out."""
    where = "" if namespace == "/" else f"{namespace},"
    payload = "" if auth is ... else json.dumps(auth)
    return f"0{where}{payload}"


def event_packet(args: Any, namespace: str = "/", number: int | None = None) -> str:
    """Return an EVENT packet."""
    where = "" if namespace == "/" else f"{namespace},"
    identity = "" if number is None else str(number)
    return f"2{where}{identity}{json.dumps(list(args), separators=(',', ':'))}"


def take_apart(text: str) -> tuple[str, int, str, int | None, Any]:
    """Return (type, attachments, namespace, ack id, data) of a packet that carries JSON."""
    kind, rest = text[0], text[1:]
    count = 0
    if kind in "56":
        digits, _, rest = rest.partition("-")
        count = int(digits)
    namespace = "/"
    if rest.startswith("/"):
        namespace, _, rest = rest.partition(",")
    digits = ""
    while rest[:1].isdigit():
        digits, rest = digits + rest[0], rest[1:]
    return kind, count, namespace, int(digits) if digits else None, json.loads(rest or "null")


def fill_in(data: Any, blobs: list[Any]) -> Any:
    """Return data with every placeholder replaced by its attachment."""
    if isinstance(data, dict):
        if data.get("_placeholder") is True:
            return blobs[data["num"]]
        return {key: fill_in(value, blobs) for key, value in data.items()}
    if isinstance(data, list):
        return [fill_in(value, blobs) for value in data]
    return data


class RawConnection:
    """A TCP connection on which the bytes are the test's own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, base: str, local: str | None = None) -> RawConnection:
        """Connect to the server of a base URL, from the address ``local``."""
        parts = urlsplit(base)
        return cls(
            *await asyncio.open_connection(
                parts.hostname, parts.port, local_addr=(local, 0) if local else None
            )
        )

    async def send(self, data: str | bytes) -> None:
        """Write bytes and push them out."""
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def head(self, deadline: float = DEADLINE) -> tuple[int, dict[str, str]]:
        """Read the status line and the headers of a response."""
        async with asyncio.timeout(deadline):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        return int(lines[0].split(" ")[1]), headers

    async def answer(self, deadline: float = DEADLINE) -> Answer:
        """Read a whole response with a Content-Length or chunked body."""
        status, headers = await self.head(deadline)
        async with asyncio.timeout(deadline):
            if "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                body = b""
                while size := int(await self.reader.readline(), 16):
                    body += await self.reader.readexactly(size)
                    await self.reader.readline()
                await self.reader.readline()
            else:
                body = await self.reader.read()
        return Answer(status, body.decode(), headers)

    async def rest(self, deadline: float = DEADLINE) -> bytes:
        """Read until the server closes the connection, be it with a reset."""
        received = b""
        async with asyncio.timeout(deadline):
            try:
                while chunk := await self.reader.read(65536):
                    received += chunk
            except ConnectionResetError:
                pass  # it had closed before what was sent to it arrived: the end all the same
        return received

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass  # the server was faster
