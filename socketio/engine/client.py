"""The Engine.IO client of the threaded flavour, on requests and websocket-client.

Called by `socketio.Client`, whose `eio` it is. It is an `engineio.Client` with the connection
itself rewritten: messages arrive in order and without a thread each, a payload may hold any
number of packets, a POST keeps to the server's `maxPayload`, every request carries the caller's
headers (and the caller's own are never changed), a failed upgrade falls back to polling, what
was sent before a disconnect is flushed, and a failed connection says why.
"""

from __future__ import annotations

import logging
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import quote, urlsplit

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
from ..runtimes.threading_runtime import waiting
from .tls_socket import share

try:
    import requests
    import websocket as websocket_client
    from requests.cookies import get_cookie_header
except ImportError as error:
    raise ImportError(
        f"the client needs requests and websocket-client, and {error.name} is missing; "
        "install both with: pip install 'socketio[client]'"
    ) from error

FLUSH_TIMEOUT: Final = 0.5
"""Seconds that a disconnect waits for the last packets to leave and the websocket to close."""

_TEXT: Final = websocket_client.ABNF.OPCODE_TEXT
_BINARY: Final = websocket_client.ABNF.OPCODE_BINARY
_LOST = (OSError, websocket_client.WebSocketException, requests.RequestException)


class _Connection:
    """One session with a server, from its handshake to its end."""

    def __init__(self, handshake: Handshake, transport: str) -> None:
        self.handshake = handshake
        self.transport = transport
        self.outbox = Outbox(handshake.max_payload)
        self.websocket: websocket_client.WebSocket | None = None
        self.http: requests.Session | None = None
        self.reader: threading.Thread | None = None
        self.writer: threading.Thread | None = None
        self.lock = threading.Lock()
        self.writing = threading.Lock()
        self.changed = threading.Condition()
        self.writer_waits = False
        self.end_reason: str | None = None
        self.closed = False


class EngineClient(engineio.Client):  # type: ignore[misc]  # engineio has no types
    """One client's connection to an Engine.IO server.

    Args:
        logger: Where to write; it is left as it is.
        request_timeout: Seconds for one request of the handshake, for a POST and for an upgrade.
        http_session: A `requests.Session`, or a function that returns one, called for each
            connection. A session that was passed is not closed.
        ssl_verify: False accepts any certificate.
        websocket_extra_options: Further arguments of `websocket.create_connection`.
        timestamp_requests: Whether a timestamp in the query string keeps caches away.
        on_open: Called when a session is open and before anything of it is received.
        on_message: Called with each message, in order; it must not wait.
        on_close: Called once for each session that was open, with the reason.
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
        on_open: Callable[[], None] | None = None,
        on_message: Callable[[str | bytes], None] | None = None,
        on_close: Callable[[str], None] | None = None,
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
        self.http: requests.Session | None
        self.state: str
        self.sid: str | None
        self.current_transport: str | None
        self._on_open = on_open
        self._on_message = on_message
        self._on_close = on_close
        self._headers: dict[str, str] = {}
        self._cookies: dict[str, str] = {}
        self._connection: _Connection | None = None
        self._last: _Connection | None = None

    def connect(
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
        self._headers, self._cookies = _split_cookies(headers or {})
        self.base_url = engine_url(url, engineio_path, self.transports[0])
        self.state = "connecting"
        try:
            if self.http is None:
                self.http = self.http_factory() if self.http_factory else requests.Session()
            if self.transports[0] == "polling":
                self._connect_polling(engine_url(url, engineio_path, "websocket"))
            else:
                self._connect_websocket()
        except BaseException:
            # Nothing of a failed attempt may stay open.
            self._abandon()
            raise

    def _detach_http(self) -> requests.Session | None:
        """Give up our HTTP session, for the caller to close; one that was passed stays."""
        if self.external_http:
            return None
        http, self.http = self.http, None
        return http

    def _abandon(self) -> None:
        """Undo an attempt to connect."""
        connection = self._connection
        if connection is None:
            http = self._detach_http()
            self.state = "disconnected"
            if http is not None:
                http.close()
        else:
            self._end(connection, self.reason.CLIENT_DISCONNECT)
            self._release(connection)

    def _release(self, connection: _Connection) -> None:
        """Close what a session has open; the session's handlers know of its end already."""
        with connection.changed:
            connection.changed.notify_all()
        if connection.websocket is not None:
            _close_websocket(connection.websocket)
        if connection.http is not None:
            connection.http.close()

    # -- handshake ---------------------------------------------------------------------------

    def _connect_polling(self, websocket_url: str) -> None:
        self.logger.info("Attempting polling connection to %s", self.base_url)
        status, body = self._request("GET", self.request_timeout)
        if status != 200:
            raise EngineConnectionError(*refusal(status, body))
        try:
            handshake, packets = open_polling(body)
        except ProtocolError as error:
            raise EngineConnectionError(f"Unexpected response from server: {error}") from error
        connection = self._opened(handshake, "polling")
        self.base_url += f"&sid={quote(handshake.sid, safe='')}"
        for packet in packets:
            self._receive(connection, *packet)
        if "websocket" in handshake.upgrades and "websocket" in self.transports:
            self._upgrade(connection, websocket_url)
        if connection.transport == "websocket":
            self._start_websocket(connection)
        else:
            connection.reader = self._start_thread(self._read_polling, connection)
            connection.writer = self._start_thread(self._write_polling, connection)

    def _connect_websocket(self) -> None:
        self.logger.info("Attempting WebSocket connection to %s", self.base_url)
        try:
            websocket = self._open_websocket(self.base_url)
            try:
                handshake = open_websocket(_next_message(websocket))
            except BaseException:
                _close_websocket(websocket)
                raise
        except websocket_client.WebSocketBadStatusException as error:
            message, answer = refusal(error.status_code, bytes(error.resp_body or b""))
            raise EngineConnectionError(f"Connection error: {message}", answer) from error
        except ProtocolError as error:
            raise EngineConnectionError(f"Unexpected response from server: {error}") from error
        except _LOST as error:
            raise EngineConnectionError(f"Connection error: {_say(error)}") from error
        connection = self._opened(handshake, "websocket", websocket)
        self._start_websocket(connection)

    def _opened(
        self,
        handshake: Handshake,
        transport: str,
        websocket: websocket_client.WebSocket | None = None,
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
        self.logger.info("%s connection accepted with %s", transport.capitalize(), handshake)
        if self._on_open is not None:
            self._on_open()
        return connection

    def _start_websocket(self, connection: _Connection) -> None:
        # A server that is silent for longer than this is dead, whether we read or write.
        assert connection.websocket is not None
        connection.websocket.settimeout(connection.handshake.silence)
        connection.reader = self._start_thread(self._read_websocket, connection)
        self._flush(connection)

    def _start_thread(
        self, target: Callable[[_Connection], None], connection: _Connection
    ) -> threading.Thread:
        thread = threading.Thread(
            target=target, args=(connection,), daemon=True, name=f"socketio-client{target.__name__}"
        )
        thread.start()
        return thread

    def _upgrade(self, connection: _Connection, url: str) -> None:
        """Move the session to a websocket, or leave it on polling (Engine.IO 4, "Upgrade")."""
        url += f"&sid={quote(connection.handshake.sid, safe='')}"
        self.logger.info("Attempting WebSocket upgrade to %s", url)
        websocket = None
        try:
            websocket = self._open_websocket(url)
            websocket.send(f"{PING}{PROBE}")
            answer = _next_message(websocket)
            if answer != f"{PONG}{PROBE}":
                raise ProtocolError(f"the answer to the probe is {answer!r:.40}")
            websocket.send(str(UPGRADE))
        except (ProtocolError, *_LOST) as error:
            self.logger.warning("WebSocket upgrade failed: %s", _say(error))
        else:
            connection.websocket = websocket
            connection.transport = self.current_transport = "websocket"
            self.logger.info("WebSocket upgrade was successful")
        finally:
            if websocket is not None and connection.websocket is None:
                _close_websocket(websocket)

    def _open_websocket(self, url: str) -> websocket_client.WebSocket:
        assert self.http is not None
        own = websocket_options(self.http, url, self._headers, self._cookies)
        if not self.ssl_verify:
            own["sslopt"] = {**own.get("sslopt", {}), "cert_reqs": ssl.CERT_NONE}
        own |= {
            "timeout": self.request_timeout,
            "enable_multithread": True,
            # We decode the text ourselves, which checks it at a fraction of the cost.
            "skip_utf8_validation": True,
        }
        extra = dict(self.websocket_extra_options)
        headers = own.pop("header") | _header_mapping(extra.pop("header", None))
        websocket = websocket_client.create_connection(
            url + self._get_url_timestamp(), header=headers, **{**own, **extra}
        )
        websocket.sock = share(websocket.sock)  # one thread reads while another one writes
        return websocket

    # -- receiving ---------------------------------------------------------------------------

    def _request(
        self, method: str, timeout: float | tuple[float, float], body: str | None = None
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
            response = http.request(
                method,
                self.base_url + self._get_url_timestamp(),
                headers=headers,
                cookies=self._cookies or None,
                data=None if body is None else body.encode(),
                timeout=timeout,
                # Said explicitly, since requests prefers its environment variables otherwise.
                verify=getattr(http, "verify", True) if self.ssl_verify else False,
            )
        except _LOST as error:
            self.logger.info("HTTP %s request to %s failed: %s", method, self.base_url, error)
            raise EngineConnectionError(_say(error)) from error
        return response.status_code, response.content

    def _read_polling(self, connection: _Connection) -> None:
        def read() -> None:
            timeout = (self.request_timeout, connection.handshake.silence)
            # After a disconnect of ours has begun there is nothing more to ask for.
            while not connection.closed and connection.end_reason is None:
                status, body = self._request("GET", timeout)
                if status != 200:
                    raise EngineConnectionError(*refusal(status, body))
                for packet in decode_payload(body.decode()):
                    self._receive(connection, *packet)

        self._read(connection, read)

    def _read_websocket(self, connection: _Connection) -> None:
        websocket = connection.websocket
        assert websocket is not None

        def read() -> None:
            # After a disconnect of ours, go on until the server has closed its side: data that
            # we leave unread would make the kernel throw away the last packets we sent.
            while not connection.closed or connection.end_reason is not None:
                message = _next_message(websocket)
                if isinstance(message, str):
                    self._receive(connection, *decode_packet(message))
                else:
                    self._receive(connection, MESSAGE, message)

        self._read(connection, read)

    def _read(self, connection: _Connection, read: Callable[[], None]) -> None:
        """Read until the session ends, whoever ends it."""
        try:
            read()
        except (ValueError, EngineConnectionError, *_LOST) as error:
            # ValueError: a payload that is no UTF-8, or a ProtocolError.
            if not connection.closed:
                self.logger.warning("Connection lost: %s", _say(error))
        # A poll that ends while we disconnect leaves the end to the thread that disconnects.
        if connection.end_reason is None or connection.transport == "websocket":
            self._end(connection, self.reason.TRANSPORT_ERROR)
            self._release(connection)

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
            connection.outbox.add(Packet(PONG, data))
            self._flush(connection)
        elif packet_type == CLOSE:
            self._end(connection, self.reason.SERVER_DISCONNECT)
        elif packet_type != NOOP:
            raise ProtocolError(f"unexpected {packet_names[packet_type]} packet from the server")

    # -- sending -----------------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """Send one message; it is dropped if there is no session."""
        self.send_all((data,))

    def send_all(self, messages: tuple[str | bytes, ...] | list[str | bytes]) -> None:
        """Send messages with nothing between them; they are dropped if there is no session."""
        connection = self._connection
        if connection is None or connection.closed or self.state != "connected":
            return
        if self.logger.isEnabledFor(logging.INFO):
            for message in messages:
                shown = message if isinstance(message, str) else "<binary>"
                self.logger.info("Sending packet MESSAGE data %s", shown)
        with connection.lock:  # attachments follow their packet directly
            for message in messages:
                connection.outbox.add(Packet(MESSAGE, message))
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        """Write what waits, unless another thread is writing: it takes ours along."""
        if connection.reader is None:
            return  # still connecting; what waits goes out at the end of it
        if connection.transport == "polling":
            with connection.changed:
                connection.changed.notify_all()
            return
        while len(connection.outbox) and not connection.closed:
            if not connection.writing.acquire(blocking=False):
                return
            try:
                self._write_websocket(connection)
            except _LOST as error:
                self._lose(connection, error)
            finally:
                connection.writing.release()

    def _write_websocket(self, connection: _Connection) -> None:
        websocket = connection.websocket
        assert websocket is not None
        while (packet := connection.outbox.next()) is not None:
            message = packet.websocket
            if isinstance(message, str):
                websocket.send(message)
            else:
                websocket.send_binary(message)

    def _write_polling(self, connection: _Connection) -> None:
        """Send POSTs, one at a time, until the session ends."""
        while self._wait_for_packets(connection):
            try:
                body = connection.outbox.next_payload()
                status, answer = self._request("POST", self.request_timeout, body)
                if status != 200:
                    raise EngineConnectionError(*refusal(status, answer))
            except EngineConnectionError as error:
                self._lose(connection, error)

    def _wait_for_packets(self, connection: _Connection) -> bool:
        """Wait until there is something to send; return False when the session has ended."""
        with connection.changed:
            connection.writer_waits = True
            while not connection.closed and not len(connection.outbox):
                connection.changed.notify_all()
                connection.changed.wait()
            connection.writer_waits = False
            return not connection.closed

    # -- the end -----------------------------------------------------------------------------

    def disconnect(self, abort: bool = False, reason: str | None = None) -> None:
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
            connection.outbox.add(CLOSE_PACKET)
            if not self._drain(connection):
                self.logger.info("The last packets did not leave within %s s", FLUSH_TIMEOUT)
        self._end(connection, connection.end_reason)
        reader = connection.reader
        # A poll that the server does not answer cannot be taken back: its thread is left.
        if (
            reader is not None
            and reader is not threading.current_thread()
            and connection.transport == "websocket"
            and not abort
        ):
            self.join(reader, FLUSH_TIMEOUT)
        self._release(connection)

    def _drain(self, connection: _Connection) -> bool:
        """Write everything that waits; return whether it left in time."""
        if connection.transport == "polling":
            with connection.changed:
                connection.changed.notify_all()
                return connection.changed.wait_for(
                    lambda: (
                        connection.closed
                        or (connection.writer_waits and not len(connection.outbox))
                    ),
                    FLUSH_TIMEOUT,
                )
        if not connection.writing.acquire(timeout=FLUSH_TIMEOUT):
            return False
        try:
            if connection.websocket is not None:
                connection.websocket.settimeout(FLUSH_TIMEOUT)
            self._write_websocket(connection)
            if connection.websocket is not None:
                connection.websocket.send_close()
        except _LOST as error:
            self._lose(connection, error)
        finally:
            connection.writing.release()
        return True

    def wait(self) -> None:
        """Wait until the last session has ended and what it had open is closed."""
        if self._last is not None:
            for thread in (self._last.reader, self._last.writer):
                if thread is not None:
                    self.join(thread)

    def join(self, thread: threading.Thread, timeout: float | None = None) -> None:
        """Wait until a thread has ended, unless it is the one that calls.

        Args:
            thread: The thread.
            timeout: Seconds to wait at most.
        """
        if thread is not threading.current_thread():
            with waiting():
                thread.join(timeout)

    def _lose(self, connection: _Connection, error: Exception) -> None:
        """End a session whose transport failed while writing."""
        if not connection.closed:
            self.logger.warning("Connection lost: %s", _say(error))
            self._end(connection, self.reason.TRANSPORT_ERROR)
            self._release(connection)

    def _end(self, connection: _Connection, reason: str) -> None:
        """Mark a session as ended and tell so, once.

        The reason of a disconnect that has begun goes before the one it brings about.
        """
        with connection.lock:
            if connection.closed:
                return
            connection.closed = True
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


def websocket_options(
    http: requests.Session, url: str, headers: Mapping[str, str], cookies: Mapping[str, str]
) -> dict[str, Any]:
    """Return arguments of `websocket.create_connection` that say what an HTTP session says.

    Args:
        http: The session, with its cookies, credentials, certificates and proxies.
        url: The websocket's URL.
        headers: Headers of the caller's.
        cookies: Cookies of the caller's, beside those that the session has for this server.

    Raises:
        ValueError: The session has credentials that a websocket handshake cannot carry.
    """
    result: dict[str, Any] = {"header": dict(headers)}
    request = requests.Request("GET", "http" + url.removeprefix("ws")).prepare()
    known = get_cookie_header(http.cookies, request)  # type: ignore[no-untyped-call]  # so it is in requests' stubs
    pairs = [known] if known else []
    result["cookie"] = "; ".join(pairs + [f"{k}={v}" for k, v in cookies.items()]) or None
    if http.auth is not None and "authorization" not in {name.lower() for name in headers}:
        if not isinstance(http.auth, tuple):
            raise ValueError(
                "Only basic authentication is supported for a websocket: give the session's "
                "auth as (user, password), or the 'Authorization' header in headers="
            )
        pair = ":".join(map(str, http.auth)).encode()
        result["header"]["Authorization"] = "Basic " + b64encode(pair).decode()
    tls: dict[str, Any] = {}
    if isinstance(http.cert, tuple):
        tls["certfile"], tls["keyfile"] = http.cert
    elif http.cert:
        tls["certfile"] = http.cert
    if isinstance(http.verify, str):
        tls["ca_certs"] = http.verify
    elif not http.verify:
        tls["cert_reqs"] = ssl.CERT_NONE
    if tls:
        result["sslopt"] = tls
    proxies = http.proxies or {}
    secure = url.startswith("wss:")
    names = ("wss", "https") if secure else ("ws", "http")
    proxy = next((proxies[name] for name in names if proxies.get(name)), None)
    if proxy:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        result["http_proxy_host"] = parts.hostname
        result["http_proxy_port"] = parts.port
        if parts.username or parts.password:
            result["http_proxy_auth"] = (parts.username, parts.password)
    return result


def _split_cookies(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Take the `Cookie` header apart, so that it can be joined with the session's cookies."""
    cookies: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in headers.items():
        if name.lower() == "cookie":
            cookies.update({key: item.value for key, item in SimpleCookie(value).items()})
        else:
            others[name] = value
    return others, cookies


def _header_mapping(headers: Mapping[str, str] | list[str] | None) -> dict[str, str]:
    """Return headers in either form that websocket-client takes as a mapping."""
    if isinstance(headers, list | tuple):
        pairs = (line.partition(":") for line in headers)
        return {name.strip(): value.strip() for name, _, value in pairs}
    return dict(headers or {})


def _next_message(websocket: websocket_client.WebSocket) -> str | bytes:
    """Return the next message of a websocket.

    Raises:
        ProtocolError: The server closed it.
        websocket.WebSocketException: It broke, or the timeout is over.
    """
    opcode, data = websocket.recv_data()
    if opcode == _TEXT:
        return bytes(data).decode()
    if opcode == _BINARY:
        return bytes(data)
    code = f" with code {int.from_bytes(data[:2])}" if len(data) >= 2 else ""
    raise ProtocolError(f"the server closed the websocket{code}")


def _close_websocket(websocket: websocket_client.WebSocket) -> None:
    try:
        websocket.settimeout(FLUSH_TIMEOUT)
        websocket.close(timeout=0)
        websocket.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations
    except _LOST:
        pass  # it was broken before


def _say(error: BaseException) -> str:
    """Return an error's text; some have none of their own."""
    if isinstance(error, EngineConnectionError) and error.args:
        return str(error.args[0])
    if isinstance(error, websocket_client.WebSocketTimeoutException):
        return "the server did not answer in time"
    return str(error) or type(error).__name__
