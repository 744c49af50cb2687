"""HTTP and websockets of the threaded client, on requests and websocket-client.

`aiohttp_link` has the same names for an event loop. Polling and websocket send what the one
session sends: the websocket's request is the one that requests has prepared, and its connection
is opened by the session's own adapter, so that every form of certificate and proxy that requests
takes serves both.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..protocol.engine_client import (
    FLUSH_TIMEOUT,
    REDIRECTS,
    Address,
    Answer,
    join_cookies,
)
from .tls_socket import share

try:
    import engineio
    import requests
    import urllib3
    import websocket as websocket_client
    from engineio.base_client import connected_clients
    from engineio.exceptions import ConnectionError as EngineConnectionError
    from requests.utils import select_proxy
except ImportError as error:
    raise ImportError(
        "the client needs requests, websocket-client and python-engineio, and "
        f"{error.name} is missing; install all with: pip install 'socketio[client]'"
    ) from error

__all__ = ["EngineConnectionError", "EngineioClient", "Link", "Websocket", "connected_clients"]

_TEXT: Final = websocket_client.ABNF.OPCODE_TEXT
_BINARY: Final = websocket_client.ABNF.OPCODE_BINARY
_LOST: Final = (
    OSError,
    websocket_client.WebSocketException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
)
_OWN_CONNECTION: Final = frozenset(
    {"sslopt", "sockopt", "socket", "http_proxy_host", "http_proxy_port", "proxy_type"}
)
"""Websocket options that say how to connect, which is then left to websocket-client."""
_OF_A_WEBSOCKET: Final = frozenset({"connection", "upgrade", "cookie", "host", "content-length"})
"""Headers that the handshake of a websocket writes itself."""
_AT_ONCE: Final = 65_536
"""Bytes that a thread which sends writes itself: what the system takes, if the server reads."""
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)


class EngineioClient(engineio.Client):  # type: ignore[misc]  # engineio has no types
    """What applications know the engine of a client by."""


class _Taken(BaseException):
    """A connection was opened for us; it goes through urllib3, which must not care."""

    def __init__(self, connection: Any) -> None:
        self.socket = connection.sock
        connection.sock = None


class _Call(threading.local):
    """What the calling thread is about to do with a connection of urllib3."""

    link: Link | None = None
    take = False
    tunnel: tuple[str, int, Any] | None = None


_call = _Call()


class _Watched:
    """A connection of urllib3 that can be broken off, or taken over for a websocket."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request, unless the connection is all that is wanted."""
        connection: Any = self
        if _call.take:
            if _call.tunnel is not None:
                host, port, headers = _call.tunnel
                connection.close()
                connection.set_tunnel(host, port, headers)
            if connection.sock is None:
                connection.connect()
            raise _Taken(connection)
        if _call.link is not None:
            _call.link.watch(connection)
        return super().request(*args, **kwargs)  # type: ignore[misc]  # mixed into urllib3's


@cache
def _watched(base: type) -> type:
    return base if issubclass(base, _Watched) else type(base.__name__, (_Watched, base), {})


def _send_no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand for the session's credentials where a redirect has led to another server."""
    return request


class Link:
    """What one connection makes its requests with.

    Args:
        session: A `requests.Session` that is used and left open; None: one is made.
        factory: A function that makes one.
        ssl_verify: False accepts any certificate; a path names the certificates to trust.
        websocket_options: Further arguments of `websocket.create_connection`.
        timeout: Seconds for a connection, and for a websocket's handshake.
    """

    def __init__(
        self,
        session: requests.Session | None,
        factory: Any,
        ssl_verify: bool | str | os.PathLike[str],
        websocket_options: Mapping[str, Any],
        timeout: float,
    ) -> None:
        self.session = session
        self._factory = factory
        self._ssl_verify = ssl_verify
        self._websocket_options = websocket_options
        self._timeout = timeout
        self._closes = session is None
        self._lock = threading.Lock()
        self._busy: dict[int, Any] = {}
        self._aborted = False

    def open(self, url: str) -> None:
        """Make the session, if none was given.

        Args:
            url: What it will ask first.
        """
        if self.session is None:
            self.session = self._factory() if self._factory else requests.Session()

    def follow(self, url: str) -> None:
        """Be ready for the address that a redirect has led to; requests looks at each anew."""

    def request(
        self,
        method: str,
        url: str,
        address: Address,
        timeout: float | tuple[float, float],
        body: str | None,
    ) -> Answer:
        """Make one HTTP request.

        Args:
            method: GET or POST.
            url: Where to.
            address: Whose headers are sent.
            timeout: Seconds for each step, or for the connection and for the answer.
            body: What is posted.

        Raises:
            engineio.exceptions.ConnectionError: There was no answer.
        """
        session = self.session
        if session is None:
            raise EngineConnectionError("there is no session")
        _call.link = self
        try:
            prepared = self._prepare(session, method, url, address, body)
            settings = self._settings(session, prepared)
            self._pool(session, prepared, settings)  # so that its connections are watched
            response = session.send(prepared, timeout=timeout, allow_redirects=False, **settings)
            content = response.content
        except _LOST as error:
            raise EngineConnectionError(_say(error)) from error
        finally:
            _call.link = None
            with self._lock:
                self._busy.pop(threading.get_ident(), None)
        return Answer(response.status_code, content, response.headers.get("Location"))

    def poll(self, url: str, address: Address, silence: float) -> Answer:
        """Wait for packets; see `request`.

        Args:
            url: Where to ask.
            address: Whose headers are sent.
            silence: Seconds after which the server is dead.
        """
        return self.request("GET", url, address, (self._timeout, silence), None)

    def _prepare(
        self,
        session: requests.Session,
        method: str,
        url: str,
        address: Address,
        body: str | None = None,
    ) -> requests.PreparedRequest:
        headers = dict(address.headers)
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        prepared = session.prepare_request(
            requests.Request(
                method,
                url,
                headers=headers,
                data=None if body is None else body.encode(),
                auth=None if address.trusted else _send_no_credentials,
            )
        )
        # requests would send either the caller's cookies or the server's.
        cookies = join_cookies(prepared.headers.get("Cookie"), address.cookies)
        if cookies:
            prepared.headers["Cookie"] = cookies
        return prepared

    def _settings(
        self, session: requests.Session, prepared: requests.PreparedRequest
    ) -> dict[str, Any]:
        """Return proxies and certificates: the client's, the session's or the environment's."""
        verify = self._ssl_verify
        if verify is True:
            # What the session was told goes before the environment, which requests prefers.
            verify = getattr(session, "verify", True)
        path = None if verify is True else verify if verify is False else os.fspath(verify)
        return dict(session.merge_environment_settings(prepared.url or "", {}, False, path, None))

    def _pool(
        self,
        session: requests.Session,
        prepared: requests.PreparedRequest,
        settings: dict[str, Any],
    ) -> Any:
        """Return the connections of a request, in which each new one is watched.

        None: the session has an adapter that has no such thing.
        """
        url = prepared.url or ""
        adapter = session.get_adapter(url)
        if not isinstance(adapter, requests.adapters.HTTPAdapter):
            return None
        verify, cert = settings["verify"], settings["cert"]
        pool: Any = adapter.get_connection_with_tls_context(
            prepared, verify, proxies=settings["proxies"], cert=cert
        )
        adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]  # so it is in requests
        pool.ConnectionCls = _watched(pool.ConnectionCls)
        return pool

    def suits_websockets(self, url: str, address: Address) -> bool:
        """Tell whether a websocket can say what the session says.

        Digest and the like cannot be: they answer what a server has answered.
        """
        assert self.session is not None
        prepared = self._prepare(self.session, "GET", url, address)
        known = self.session.hooks.get("response", [])
        return all(hook in known for hook in prepared.hooks.get("response", []))

    def open_websocket(self, url: str, address: Address) -> Websocket | Answer:
        """Open a websocket, and return it or what the server answered instead.

        Raises:
            engineio.exceptions.ConnectionError: There was no answer.
        """
        session = self.session
        if session is None:
            raise EngineConnectionError("there is no session")
        made: list[websocket_client.WebSocket] = []
        extra = dict(self._websocket_options)
        factory = extra.pop("class_", websocket_client.WebSocket)

        def make(**options: Any) -> websocket_client.WebSocket:
            made.append(factory(**options))
            return made[0]

        try:
            prepared = self._prepare(session, "GET", url, address)
            settings = self._settings(session, prepared)
            options: dict[str, Any] = {
                "timeout": self._timeout,
                "enable_multithread": True,
                # We decode the text ourselves, which checks it at a fraction of the cost.
                "skip_utf8_validation": True,
                "redirect_limit": 0,
                "suppress_origin": "origin" not in extra,
                "host": prepared.headers.get("Host"),
                "cookie": prepared.headers.get("Cookie"),
                **extra,
            }
            options["header"] = {
                name: _text(value)
                for name, value in prepared.headers.items()
                if name.lower() not in _OF_A_WEBSOCKET
            } | _header_mapping(extra.get("header"))
            target = f"ws{(prepared.url or url).removeprefix('http')}"
            pool = self._pool(session, prepared, settings)
            if pool is not None and _OWN_CONNECTION.isdisjoint(extra):
                options["socket"] = self._take_socket(pool, prepared)
            else:
                options = {**_connecting(target, settings), **options}
            options["class_"] = make
            websocket = websocket_client.create_connection(target, **options)
        except websocket_client.WebSocketBadStatusException as error:
            return Answer(error.status_code, bytes(error.resp_body or b""))
        except _LOST as error:
            elsewhere = _redirect(made[0]) if made else None
            if elsewhere is not None:
                return elsewhere
            raise EngineConnectionError(_say(error)) from error
        elsewhere = _redirect(websocket)
        if elsewhere is not None:  # websocket-client before 1.9 takes this for a connection
            websocket.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations
            return elsewhere
        # One thread reads while another one writes.
        websocket.sock = _PatientSocket(share(websocket.sock))  # type: ignore[assignment]  # as good
        return Websocket(websocket)

    def _take_socket(self, pool: Any, prepared: requests.PreparedRequest) -> Any:
        """Return a socket that the session's adapter has connected for a request."""
        parts = urlsplit(prepared.url or "")
        _call.take = True
        if pool.proxy is not None and parts.scheme == "http":
            # Other requests are forwarded; a websocket needs a tunnel (RFC 6455, section 4.1).
            _call.tunnel = (str(parts.hostname), parts.port or 80, pool.proxy_headers)
        try:
            while True:  # connections from before we watched are used up
                pool.urlopen(
                    "GET",
                    prepared.path_url,
                    headers={},
                    redirect=False,
                    retries=False,
                    timeout=urllib3.Timeout(self._timeout),
                    preload_content=False,
                ).close()
        except _Taken as taken:
            taken.socket.settimeout(self._timeout)
            return taken.socket
        finally:
            _call.take = False
            _call.tunnel = None

    def watch(self, connection: Any) -> None:
        """Remember what the calling thread waits for, to be able to break it off.

        Raises:
            requests.ConnectionError: It is broken off already.
        """
        with self._lock:
            if self._aborted:
                raise requests.ConnectionError("the session has ended")
            self._busy[threading.get_ident()] = connection

    def abort(self) -> None:
        """End what waits for an answer."""
        with self._lock:
            self._aborted = True
            busy = list(self._busy.values())
        for connection in busy:
            _shut(connection.sock)

    def close(self) -> None:
        """Close the session, unless it was given."""
        if self._closes and self.session is not None:
            self.session.close()


class _PatientSocket:
    """A socket whose writers wait for a server that does not read, if they are told to.

    Whether the server is alive, the reader hears. A write that has timed out cannot be taken up
    again by websocket-client.

    Args:
        connection: The socket.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.patient = False
        # What each message needs; the rest is found when it is asked for.
        self.fileno = connection.fileno
        self.gettimeout = connection.gettimeout
        self.recv = connection.recv

    def send(self, data: bytes) -> int:
        """Write what the connection takes; see `socket.send`."""
        while True:
            try:
                sent: int = self._connection.send(data)
                return sent
            except TimeoutError:
                if not self.patient:
                    raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Websocket:
    """The client's end of one websocket.

    Args:
        websocket: The open websocket.
    """

    def __init__(self, websocket: websocket_client.WebSocket) -> None:
        self._websocket = websocket
        self._left = False
        self._ended = False

    def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            engineio.exceptions.ConnectionError: The websocket has ended, or its time is over.
            UnicodeDecodeError: The server sent text that is none.
        """
        try:
            opcode, data = self._websocket.recv_data()
        except _LOST as error:
            self._ended = True
            raise EngineConnectionError(_say(error)) from error
        if opcode == _TEXT:
            return bytes(data).decode()
        if opcode == _BINARY:
            return bytes(data)
        self._ended = True
        code = f" with code {int.from_bytes(data[:2])}" if len(data) >= 2 else ""
        raise EngineConnectionError(f"the server closed the websocket{code}")

    def receive_within(self, seconds: float) -> str | bytes:
        """Return the next message, if it comes within a number of seconds; see `receive`."""
        self.limit(seconds)
        return self.receive()

    def send(self, message: str | bytes) -> None:
        """Send one message.

        Raises:
            engineio.exceptions.ConnectionError: The connection is lost.
        """
        try:
            if isinstance(message, str):
                self._websocket.send(message)
            else:
                self._websocket.send_binary(message)
        except _LOST as error:
            raise EngineConnectionError(_say(error)) from error

    def takes(self, size: int, may_wait: bool) -> bool:
        """Tell whether the caller may write so much, rather than a thread for that alone.

        Args:
            size: In bytes.
            may_wait: Whether it may wait if the server does not read.
        """
        if size > _AT_ONCE:
            return False
        connection = self._websocket.sock
        if may_wait or connection is None:
            return True
        with _Selector() as selector:
            try:
                selector.register(connection, selectors.EVENT_WRITE)
            except ValueError:
                return True  # it is closed, which the write tells
            return bool(selector.select(0))

    def limit(self, seconds: float, patient: bool = False) -> None:
        """Limit how long a read or write may take.

        Args:
            seconds: After so many without a byte the connection is lost.
            patient: Whether only the reader minds.
        """
        try:
            if isinstance(self._websocket.sock, _PatientSocket):
                self._websocket.sock.patient = patient
            self._websocket.settimeout(seconds)
        except OSError:
            pass  # it is closed, which the next read or write tells

    def leave(self) -> None:
        """Say that nothing more will be sent; the server closes its side then."""
        self._left = True
        try:
            self._websocket.send_close()
        except _LOST as error:
            raise EngineConnectionError(_say(error)) from error

    def close(self) -> None:
        """Close it, giving the server a moment to do the same.

        Data that we leave unread would make the kernel throw away the last that we sent.
        """
        end = time.monotonic() + FLUSH_TIMEOUT
        self.limit(FLUSH_TIMEOUT)
        try:
            if not self._left:
                self.leave()
            while not self._ended and time.monotonic() < end:
                self.receive()
        except (EngineConnectionError, ValueError):
            pass  # the server has closed its side, or it was broken before
        self.abort()
        try:
            self._websocket.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations
        except OSError:
            pass  # it was broken before

    def abort(self) -> None:
        """End the connection at once, whoever reads or writes."""
        _shut(self._websocket.sock)


def _redirect(websocket: websocket_client.WebSocket) -> Answer | None:
    """Return a server's answer to a handshake if it sends us elsewhere."""
    answer = websocket.handshake_response
    if answer is None or answer.status not in REDIRECTS:
        return None
    return Answer(answer.status, b"", answer.headers.get("location"))


def _shut(connection: Any) -> None:
    """End a connection below whoever uses it, which wakes them up."""
    if connection is not None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself


def _connecting(url: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return how websocket-client connects as the session would, where it is told more."""
    result: dict[str, Any] = {}
    verify, cert = settings["verify"], settings["cert"]
    tls: dict[str, Any] = {}
    if cert:
        tls["certfile"], tls["keyfile"] = (cert, None) if isinstance(cert, str) else cert
    if isinstance(verify, str):
        tls["ca_cert_path" if os.path.isdir(verify) else "ca_certs"] = verify
    elif verify is False:
        tls["cert_reqs"] = 0
    if tls:
        result["sslopt"] = tls
    proxy = select_proxy(f"http{url.removeprefix('ws')}", settings["proxies"])
    if proxy:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        result["http_proxy_host"] = parts.hostname
        result["http_proxy_port"] = parts.port
        result["proxy_type"] = parts.scheme if parts.scheme.startswith("socks") else "http"
        if parts.username or parts.password:
            result["http_proxy_auth"] = (
                unquote(parts.username or ""),
                unquote(parts.password or ""),
            )
    return result


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _header_mapping(headers: Mapping[str, str] | list[str] | None) -> dict[str, str]:
    """Return headers in either form that websocket-client takes as a mapping."""
    if isinstance(headers, list | tuple):
        pairs = (line.partition(":") for line in headers)
        return {name.strip(): value.strip() for name, _, value in pairs}
    return dict(headers or {})


def _say(error: BaseException) -> str:
    """Return an error's text; some have none of their own."""
    if isinstance(error, websocket_client.WebSocketTimeoutException):
        return "the server did not answer in time"
    return str(error) or type(error).__name__
