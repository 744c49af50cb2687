"""The Engine.IO client of the asyncio flavour, on aiohttp.

Called by `socketio.AsyncClient`, whose `eio` it is. It is an `engineio.AsyncClient` with the
connection itself rewritten: messages arrive in order and without a task each, a payload may hold
any number of packets, a POST keeps to the server's `maxPayload`, every request carries the
caller's headers (and the caller's own are never changed), a stalled upgrade falls back to
polling, what was sent before a disconnect is flushed, and a failed connection says why.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import engineio
from engineio import base_client as engineio_base
from engineio.exceptions import ConnectionError as EngineConnectionError

from ..exceptions import ProtocolError
from ..protocol.engine import (
    CLOSE,
    CLOSE_PACKET,
    MESSAGE,
    NOOP,
    PING,
    PONG,
    PROBE,
    UPGRADE,
    Packet,
    decode_packet,
    decode_payload,
    packet_names,
)
from ..protocol.engine_client import (
    Handshake,
    Outbox,
    choose_transports,
    engine_url,
    open_polling,
    open_websocket,
    refusal,
)
from ..runtimes.tasks import create_task

try:
    import aiohttp
except ImportError as error:
    raise ImportError(
        "the asyncio client needs aiohttp; install it with: pip install 'socketio[asyncio-client]'"
    ) from error

FLUSH_TIMEOUT: Final = 0.5
"""Seconds that a disconnect waits for the last packets to leave and the websocket to close."""

_LOST = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


class _Connection:
    """One session with a server, from its handshake to its end."""

    def __init__(self, handshake: Handshake, transport: str) -> None:
        self.handshake = handshake
        self.transport = transport
        self.outbox = Outbox(handshake.max_payload)
        self.websocket: aiohttp.ClientWebSocketResponse | None = None
        self.http: aiohttp.ClientSession | None = None
        self.reader: asyncio.Task[None] | None = None
        self.writer: asyncio.Task[None] | None = None
        self.writing = False
        self.written: asyncio.Event | None = None
        self.silence_timer: asyncio.TimerHandle | None = None
        self.loop = asyncio.get_running_loop()
        self.end_reason: str | None = None
        self.closed = False


class AsyncEngineClient(engineio.AsyncClient):  # type: ignore[misc]  # engineio has no types
    """One client's connection to an Engine.IO server.

    Args:
        logger: Where to write; it is left as it is.
        request_timeout: Seconds for one request of the handshake, for a POST and for an upgrade.
        http_session: An `aiohttp.ClientSession`, or a function (or coroutine function) that
            returns one, called for each connection. A session that was passed is not closed.
        ssl_verify: False accepts any certificate.
        websocket_extra_options: Further arguments of `aiohttp.ClientSession.ws_connect`.
        timestamp_requests: Whether a timestamp in the query string keeps caches away.
        on_open: Called when a session is open and before anything of it is received.
        on_message: Called with each message, in order; it must not wait.
        on_close: Called once for each session that was open, with the reason.
        on_cancel: Called when a session ends because the event loop does, before it is closed.
    """

    def __init__(
        self,
        *,
        logger: logging.Logger,
        request_timeout: float = 5,
        http_session: Any = None,
        ssl_verify: bool = True,
        websocket_extra_options: Mapping[str, Any] | None = None,
        timestamp_requests: bool = True,
        on_open: Callable[[], Awaitable[None]] | None = None,
        on_message: Callable[[str | bytes], None] | None = None,
        on_close: Callable[[str], None] | None = None,
        on_cancel: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(
            logger=logger,
            request_timeout=request_timeout,
            http_session=http_session,
            ssl_verify=ssl_verify,
            handle_sigint=False,
            websocket_extra_options=dict(websocket_extra_options or {}),
            timestamp_requests=timestamp_requests,
        )
        self.logger: logging.Logger
        self.http: aiohttp.ClientSession | None
        self.state: str
        self.sid: str | None
        self.current_transport: str | None
        self._on_open = on_open
        self._on_message = on_message
        self._on_close = on_close
        self._on_cancel = on_cancel
        self._headers: dict[str, str] = {}
        self._connection: _Connection | None = None
        self._last: _Connection | None = None
        self._ssl: dict[str, Any] = {}

    async def connect(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        transports: str | list[str] | None = None,
        engineio_path: str = "engine.io",
    ) -> None:
        """Open a session.

        Args:
            url: The server's address, with a query string if it needs one.
            headers: Headers of every request.
            transports: `polling`, `websocket` or both, in the order of use.
            engineio_path: Where the engine is served.

        Raises:
            engineio.exceptions.ConnectionError: No session was opened; the first argument says
                why, a second one is the server's JSON answer.
            ValueError: A bad `url` or `transports`, or the client is connected.
        """
        if self.state != "disconnected":
            raise ValueError("Client is not in a disconnected state")
        self.transports = choose_transports(transports)
        self._headers = dict(headers or {})
        self.base_url = engine_url(url, engineio_path, self.transports[0])
        self._ssl = {} if self.ssl_verify else {"ssl": _unverified()}
        self.state = "connecting"
        try:
            await self._open_http()
            if self.transports[0] == "polling":
                await self._connect_polling(engine_url(url, engineio_path, "websocket"))
            else:
                await self._connect_websocket()
        except BaseException:
            # Cancelled or failed: nothing of the attempt may stay open.
            await self._abandon()
            raise

    async def _open_http(self) -> None:
        if self.http is None or self.http.closed:
            if self.http_factory is not None:
                session = self.http_factory()
                self.http = await session if inspect.isawaitable(session) else session
            else:
                self.http = aiohttp.ClientSession()

    def _detach_http(self) -> aiohttp.ClientSession | None:
        """Give up our HTTP session, for the caller to close; one that was passed stays."""
        if self.external_http:
            return None
        http, self.http = self.http, None
        return http

    async def _abandon(self) -> None:
        """Undo an attempt to connect."""
        connection = self._connection
        if connection is None:
            http = self._detach_http()
            self.state = "disconnected"
            if http is not None:
                await asyncio.shield(create_task(http.close()))
        else:
            self._end(connection, self.reason.CLIENT_DISCONNECT)
            await asyncio.shield(create_task(self._release(connection)))

    async def _release(self, connection: _Connection) -> None:
        """Close what a session has open; the session's handlers know of its end already."""
        try:
            if connection.websocket is not None:
                await _close_websocket(connection.websocket)
        finally:
            if connection.http is not None:
                await connection.http.close()

    # -- handshake ---------------------------------------------------------------------------

    async def _connect_polling(self, websocket_url: str) -> None:
        self.logger.info("Attempting polling connection to %s", self.base_url)
        status, body = await self._request("GET", timeout=self.request_timeout)
        if status != 200:
            raise EngineConnectionError(*refusal(status, body))
        try:
            handshake, packets = open_polling(body)
        except ProtocolError as error:
            raise EngineConnectionError(f"Unexpected response from server: {error}") from error
        connection = await self._opened(handshake, "polling")
        self.base_url += f"&sid={quote(handshake.sid, safe='')}"
        for packet in packets:
            self._receive(connection, *packet)
        if "websocket" in handshake.upgrades and "websocket" in self.transports:
            await self._upgrade(connection, websocket_url)
        if connection.transport == "websocket":
            connection.reader = create_task(self._read_websocket(connection))
        else:
            connection.reader = create_task(self._read_polling(connection))
        await self._flush(connection)

    async def _connect_websocket(self) -> None:
        self.logger.info("Attempting WebSocket connection to %s", self.base_url)
        try:
            async with asyncio.timeout(self.request_timeout):
                websocket = await self._open_websocket(self.base_url)
                try:
                    handshake = open_websocket(await _next_message(websocket))
                except BaseException:
                    await asyncio.shield(create_task(_close_websocket(websocket)))
                    raise
        except aiohttp.WSServerHandshakeError as error:
            message, _ = refusal(error.status, b"")
            raise EngineConnectionError(f"Connection error: {message}") from error
        except ProtocolError as error:
            raise EngineConnectionError(f"Unexpected response from server: {error}") from error
        except _LOST as error:
            raise EngineConnectionError(f"Connection error: {_say(error)}") from error
        connection = await self._opened(handshake, "websocket", websocket)
        connection.reader = create_task(self._read_websocket(connection))
        await self._flush(connection)

    async def _opened(
        self,
        handshake: Handshake,
        transport: str,
        websocket: aiohttp.ClientWebSocketResponse | None = None,
    ) -> _Connection:
        connection = _Connection(handshake, transport)
        connection.websocket = websocket
        self._connection = self._last = connection
        self.sid = handshake.sid
        self.upgrades = list(handshake.upgrades)
        self.ping_interval = handshake.ping_interval
        self.ping_timeout = handshake.ping_timeout
        self.current_transport = transport
        self.state = "connected"
        engineio_base.connected_clients.append(self)
        self._restart_timer(connection)
        self.logger.info("%s connection accepted with %s", transport.capitalize(), handshake)
        if self._on_open is not None:
            await self._on_open()
        return connection

    async def _upgrade(self, connection: _Connection, url: str) -> None:
        """Move the session to a websocket, or leave it on polling (Engine.IO 4, "Upgrade")."""
        url += f"&sid={quote(connection.handshake.sid, safe='')}"
        self.logger.info("Attempting WebSocket upgrade to %s", url)
        websocket = None
        try:
            async with asyncio.timeout(self.request_timeout):
                websocket = await self._open_websocket(url)
                await websocket.send_str(f"{PING}{PROBE}")
                answer = await _next_message(websocket)
                if answer != f"{PONG}{PROBE}":
                    raise ProtocolError(f"the answer to the probe is {answer!r:.40}")
                await websocket.send_str(str(UPGRADE))
        except (ProtocolError, *_LOST) as error:
            self.logger.warning("WebSocket upgrade failed: %s", _say(error))
        else:
            connection.websocket = websocket
            connection.transport = self.current_transport = "websocket"
            self.logger.info("WebSocket upgrade was successful")
        finally:
            if websocket is not None and connection.websocket is None:
                await asyncio.shield(create_task(_close_websocket(websocket)))

    async def _open_websocket(self, url: str) -> aiohttp.ClientWebSocketResponse:
        assert self.http is not None
        options = {"max_msg_size": 0, **self._ssl, **self.websocket_extra_options}
        options["headers"] = {**self._headers, **dict(options.get("headers") or {})}
        websocket: aiohttp.ClientWebSocketResponse = await self.http.ws_connect(
            url + self._get_url_timestamp(), **options
        )
        return websocket

    # -- receiving ---------------------------------------------------------------------------

    async def _request(
        self, method: str, body: str | None = None, timeout: float | None = None
    ) -> tuple[int, bytes]:
        """Make one HTTP request of the session.

        Raises:
            engineio.exceptions.ConnectionError: There was no answer.
        """
        http = self.http
        if http is None:  # the session has just ended
            raise EngineConnectionError("there is no session")
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        try:
            async with http.request(
                method,
                self.base_url + self._get_url_timestamp(),
                headers=headers,
                data=None if body is None else body.encode(),
                timeout=aiohttp.ClientTimeout(total=timeout),
                **self._ssl,
            ) as response:
                return response.status, await response.read()
        except _LOST as error:
            self.logger.info("HTTP %s request to %s failed: %s", method, self.base_url, _say(error))
            raise EngineConnectionError(_say(error)) from error

    async def _read_polling(self, connection: _Connection) -> None:
        async def read() -> None:
            while not connection.closed:
                status, body = await self._request("GET")
                if status != 200:
                    raise EngineConnectionError(*refusal(status, body))
                for packet in decode_payload(body.decode()):
                    self._receive(connection, *packet)

        await self._read(connection, read)

    async def _read_websocket(self, connection: _Connection) -> None:
        websocket = connection.websocket
        assert websocket is not None

        async def read() -> None:
            receive = websocket.receive
            text, binary = aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY
            while not connection.closed:
                message = await receive()
                if message.type is text:
                    self._receive(connection, *decode_packet(message.data))
                elif message.type is binary:
                    self._receive(connection, MESSAGE, message.data)
                else:
                    raise EngineConnectionError(_closing(message))

        await self._read(connection, read)

    async def _read(self, connection: _Connection, read: Callable[[], Awaitable[None]]) -> None:
        """Read until the session ends, whoever ends it."""
        reason = self.reason.TRANSPORT_ERROR
        try:
            await read()
        except asyncio.CancelledError:
            # By `disconnect`, which has closed the session before, or because the loop ends.
            reason = self.reason.CLIENT_DISCONNECT
            if not connection.closed:
                if self._on_cancel is not None:
                    await self._on_cancel()
                await self._say_goodbye(connection)
        except (ValueError, EngineConnectionError) as error:
            # ValueError: a payload that is no UTF-8, or a ProtocolError.
            if not connection.closed:
                self.logger.warning("Connection lost: %s", _say(error))
        self._end(connection, reason)
        await self._release(connection)

    def _receive(self, connection: _Connection, packet_type: int, data: str | bytes) -> None:
        if connection.closed:
            return
        if self.logger.isEnabledFor(logging.INFO):
            self.logger.info(
                "Received packet %s data %s",
                packet_names[packet_type],
                data if isinstance(data, str) else "<binary>",
            )
        if packet_type == MESSAGE:
            if self._on_message is not None:
                self._on_message(data)
        elif packet_type == PING:
            assert isinstance(data, str)
            self._restart_timer(connection)
            self._post(connection, Packet(PONG, data))
        elif packet_type == CLOSE:
            self._end(connection, self.reason.SERVER_DISCONNECT)
        elif packet_type != NOOP:
            raise ProtocolError(f"unexpected {packet_names[packet_type]} packet from the server")

    # -- sending -----------------------------------------------------------------------------

    async def send(self, data: str | bytes) -> None:
        """Send one message; it is dropped if there is no session."""
        await self.send_all((data,))

    async def send_all(self, messages: tuple[str | bytes, ...] | list[str | bytes]) -> None:
        """Send messages with nothing between them; they are dropped if there is no session."""
        connection = self._connection
        if connection is None or connection.closed or self.state != "connected":
            return
        if asyncio.get_running_loop() is not connection.loop:
            raise RuntimeError(
                "this client is connected in another event loop; from a thread, use "
                "asyncio.run_coroutine_threadsafe(coroutine, loop) with the loop of connect()"
            )
        if self.logger.isEnabledFor(logging.INFO):
            for message in messages:
                shown = message if isinstance(message, str) else "<binary>"
                self.logger.info("Sending packet MESSAGE data %s", shown)
        for message in messages:
            connection.outbox.add(Packet(MESSAGE, message))
        if connection.reader is not None:
            await self._flush(connection)

    def _post(self, connection: _Connection, packet: Packet) -> None:
        """Send a packet without waiting for it to be written."""
        connection.outbox.add(packet)
        if connection.reader is not None:
            self._start_writer(connection)

    async def _flush(self, connection: _Connection) -> None:
        """Write what waits, unless someone is writing: they take ours along."""
        if connection.writing:
            return
        if connection.transport == "websocket":
            await self._write(connection)
        else:
            # A POST lasts a round trip, and what is emitted meanwhile shares the next one.
            self._start_writer(connection)

    def _start_writer(self, connection: _Connection) -> None:
        if not connection.writing and (connection.writer is None or connection.writer.done()):
            connection.writer = create_task(self._write(connection))

    async def _write(self, connection: _Connection) -> None:
        if connection.writing:
            return
        connection.writing = True
        websocket = connection.websocket if connection.transport == "websocket" else None
        try:
            if websocket is None:
                await self._write_polling(connection)
            else:
                while (packet := connection.outbox.next()) is not None:
                    message = packet.websocket
                    if isinstance(message, str):
                        await websocket.send_str(message)
                    else:
                        await websocket.send_bytes(message)
        except (EngineConnectionError, *_LOST) as error:
            self._lose(connection, error)
        finally:
            connection.writing = False
            if connection.written is not None:
                connection.written.set()
            if len(connection.outbox) and not connection.closed:
                # Whoever wrote was cancelled in the middle; others' packets still wait.
                self._start_writer(connection)

    async def _write_polling(self, connection: _Connection) -> None:
        while len(connection.outbox):
            body = connection.outbox.next_payload()
            status, answer = await self._request("POST", body, timeout=self.request_timeout)
            if status != 200:
                raise EngineConnectionError(*refusal(status, answer))

    # -- the end -----------------------------------------------------------------------------

    async def disconnect(self, abort: bool = False, reason: str | None = None) -> None:
        """End the session, after what was sent before has left.

        Args:
            abort: Do not wait for that.
            reason: What the disconnect handlers are told; `client disconnect` if not given.
        """
        connection = self._connection
        if connection is None or connection.closed:
            return
        connection.end_reason = reason or self.reason.CLIENT_DISCONNECT
        if self.state == "connected" and not abort:
            self.state = "disconnecting"
            await self._say_goodbye(connection)
        self._end(connection, connection.end_reason)
        reader = connection.reader
        if reader is None:
            await self._release(connection)
        elif reader is not asyncio.current_task():
            reader.cancel()
            await asyncio.wait((reader,))

    async def _say_goodbye(self, connection: _Connection) -> None:
        """Tell the server that the session ends, and wait a moment until that has left."""
        if connection.closed:
            return
        connection.outbox.add(CLOSE_PACKET)
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                await self._drain(connection)
        except TimeoutError:
            self.logger.info("The last packets did not leave within %s s", FLUSH_TIMEOUT)

    async def _drain(self, connection: _Connection) -> None:
        """Wait until everything has been written."""
        connection.written = asyncio.Event()
        while not connection.closed and (len(connection.outbox) or connection.writing):
            if connection.writing:
                connection.written.clear()
                await connection.written.wait()
            else:
                await self._write(connection)

    async def wait(self) -> None:
        """Wait until the last session has ended and what it had open is closed."""
        if self._last is not None and self._last.reader is not None:
            await self.join(self._last.reader)

    async def join(self, task: asyncio.Task[Any], timeout: float | None = None) -> None:
        """Wait until a task has ended, unless it is the one that calls.

        Args:
            task: The task.
            timeout: Seconds to wait at most.
        """
        if task is not asyncio.current_task():
            await asyncio.wait((task,), timeout=timeout)

    def _lose(self, connection: _Connection, error: Exception) -> None:
        """End a session whose transport failed while writing."""
        if not connection.closed:
            self.logger.warning("Connection lost: %s", _say(error))
            self._end(connection, self.reason.TRANSPORT_ERROR)
            if connection.reader is not None:
                connection.reader.cancel()

    def _end(self, connection: _Connection, reason: str) -> None:
        """Mark a session as ended and tell so, once.

        The reason of a disconnect that has begun goes before the one it brings about.
        """
        if connection.closed:
            return
        connection.closed = True
        self._stop_timer(connection)
        if self._connection is connection:
            self._connection = None
            # A reconnection opens its own, while this one is still being closed.
            connection.http = self._detach_http()
            self.state = "disconnected"
            self.sid = None
        if self in engineio_base.connected_clients:
            engineio_base.connected_clients.remove(self)
        if self._on_close is not None:
            self._on_close(connection.end_reason or reason)

    def _restart_timer(self, connection: _Connection) -> None:
        self._stop_timer(connection)
        connection.silence_timer = asyncio.get_running_loop().call_later(
            connection.handshake.silence, self._silent, connection
        )

    def _stop_timer(self, connection: _Connection) -> None:
        if connection.silence_timer is not None:
            connection.silence_timer.cancel()

    def _silent(self, connection: _Connection) -> None:
        self.logger.warning("Server has stopped communicating, aborting")
        self._end(connection, self.reason.TRANSPORT_ERROR)
        if connection.reader is not None:
            connection.reader.cancel()

    def __del__(self) -> None:
        """Leave the session to the loop that it belongs to; the base class would start one."""


async def _next_message(websocket: aiohttp.ClientWebSocketResponse) -> str | bytes:
    message = await websocket.receive()
    if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
        data: str | bytes = message.data
        return data
    raise ProtocolError(_closing(message))


async def _close_websocket(websocket: aiohttp.ClientWebSocketResponse) -> None:
    try:
        async with asyncio.timeout(FLUSH_TIMEOUT):
            await websocket.close()
    except _LOST:
        pass  # it was broken, or the server does not answer: cancelling has closed it


def _closing(message: aiohttp.WSMessage) -> str:
    """Say how a websocket ended."""
    if message.type is aiohttp.WSMsgType.ERROR:
        return f"the websocket failed: {message.data}"
    code = f" with code {message.data}" if message.type is aiohttp.WSMsgType.CLOSE else ""
    reason = f" ({message.extra})" if message.extra else ""
    return f"the server closed the websocket{code}{reason}"


def _say(error: BaseException) -> str:
    """Return an error's text; some have none of their own."""
    if isinstance(error, EngineConnectionError) and error.args:
        return str(error.args[0])
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    return str(error) or type(error).__name__


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
