"""HTTP and websockets of the asyncio client, on aiohttp; `requests_link` has the same for threads.

Polling and websocket send what the one session sends: `ws_connect` of aiohttp makes its request
as `request` does. What aiohttp leaves to its users and requests does by itself (proxies and
certificates that the environment names, cookies of servers without a name) is done here, for the
sessions that are made here.
"""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import netrc
import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor  # noqa: F401  # asyncio imports it in the loop
from http.cookies import BaseCookie, Morsel
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ..exceptions import ProtocolError
from ..protocol.engine_client import FLUSH_TIMEOUT, Address, Answer, join_cookies, same_server

try:
    import aiohttp
    import engineio
    import yarl
    from engineio.base_client import connected_clients
    from engineio.exceptions import ConnectionError as EngineConnectionError
except ImportError as error:
    raise ImportError(
        "the asyncio client needs aiohttp and python-engineio, and "
        f"{error.name} is missing; install both with: pip install 'socketio[asyncio-client]'"
    ) from error

__all__ = ["EngineConnectionError", "EngineioClient", "Link", "Websocket", "connected_clients"]

_NO_URL = yarl.URL()
_LOST = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


class EngineioClient(engineio.AsyncClient):  # type: ignore[misc]  # engineio has no types
    """What applications know the engine of a client by."""

    def __del__(self) -> None:
        """Leave the session to the loop that it belongs to; the base class would start one."""


class _WholeHeader(Morsel[str]):
    """The text of a `Cookie` header in the place of one cookie."""

    def get(self, key: str, default: Any = None) -> Any:
        """Have no attributes: aiohttp before 3.14 asks for one of the cookie's own name."""
        return default


class _Cookies(aiohttp.CookieJar):
    """The cookies of one client: those of the server, and the caller's exactly as given."""

    def __init__(self) -> None:
        super().__init__(unsafe=True)  # servers without a name have cookies too, as with requests
        self.address: Address | None = None

    def header(self, url: yarl.URL) -> str | None:
        """Return the `Cookie` header of a request."""
        known = super().filter_cookies(url)
        address, given = self.address, None
        # aiohttp asks anew when it follows a redirect, maybe to another server.
        if address is not None and address.cookies and same_server(address.url, str(url)):
            given = address.cookies
        return join_cookies(
            "; ".join(f"{name}={cookie.coded_value}" for name, cookie in known.items()), given
        )

    def filter_cookies(self, request_url: yarl.URL = _NO_URL) -> BaseCookie[str]:
        """Return what is sent to a URL."""
        cookies: BaseCookie[str] = BaseCookie()
        # aiohttp would parse the caller's header and write it anew, so it gets the text of the
        # whole header as the value of one cookie. Morsel.set() knows better than the caller.
        name, equals, rest = (self.header(request_url) or "").partition("=")
        if equals:
            whole = _WholeHeader()
            whole.__setstate__({"key": name, "value": rest, "coded_value": rest})  # type: ignore[attr-defined]  # of pickle's protocol
            dict.__setitem__(cookies, name, whole)
        return cookies


class Link:
    """What one connection makes its requests with.

    Args:
        session: An `aiohttp.ClientSession` that is used and left open; None: one is made.
        factory: A function or coroutine function that makes one.
        ssl_verify: False accepts any certificate; a path names the certificates to trust.
        websocket_options: Further arguments of `aiohttp.ClientSession.ws_connect`.
        timeout: Seconds for a websocket's handshake.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None,
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
        self._options: dict[str, Any] = {} if ssl_verify else {"ssl": False}
        self._cookies: _Cookies | None = None
        self._basic: str | None = None
        self._owns = False  # whether the session was made here, as requests would make one
        self._tunnels: aiohttp.ClientSession | None = None
        self._lost: tuple[type[Exception], ...] = _LOST

    async def open(self, url: str) -> None:
        """Make the session, if none was given.

        Args:
            url: What it will ask first.
        """
        if self.session is not None and self.session.closed:
            self.session, self._closes = None, True  # its owner has no use for it any more
        self._owns = self.session is None and self._factory is None
        proxy = await self._find_settings(url)
        if self.session is not None:
            return
        if self._factory is not None:
            session = self._factory()
            self.session = await session if inspect.isawaitable(session) else session
            return
        connector = None
        if proxy is not None and urlsplit(proxy).scheme.startswith("socks"):
            connector = self._connector(proxy)
        self._cookies = _Cookies()
        self.session = aiohttp.ClientSession(connector=connector, cookie_jar=self._cookies)

    async def follow(self, url: str) -> None:
        """Be ready for the address that a redirect has led to."""
        await self._find_settings(url)

    async def _find_settings(self, url: str) -> str | None:
        """Find out what holds for an address; return the proxy."""
        # Certificates, .netrc and the settings of a system are on disk.
        proxy, context, self._basic = await asyncio.to_thread(
            _settings, url, self._ssl_verify, self._owns
        )
        if context is not None:
            self._options["ssl"] = context
        self._options.pop("proxy", None)
        if proxy is not None and not urlsplit(proxy).scheme.startswith("socks"):
            self._options["proxy"] = proxy
        return proxy

    async def request(
        self, method: str, url: str, address: Address, timeout: float | None, body: str | None
    ) -> Answer:
        """Make one HTTP request.

        Args:
            method: GET or POST.
            url: Where to.
            address: Whose headers are sent.
            timeout: Seconds for all of it; None: no limit.
            body: What is posted.

        Raises:
            engineio.exceptions.ConnectionError: There was no answer.
        """
        if self.session is None:
            raise EngineConnectionError("there is no session")
        headers = self._headers(url, address)
        if body is not None:
            headers["Content-Type"] = "text/plain;charset=UTF-8"
        try:
            async with self.session.request(
                method,
                _encoded(url),
                headers=headers,
                data=None if body is None else body.encode(),
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
                raise_for_status=False,
                **self._options,
            ) as response:
                location = response.headers.get("Location")
                return Answer(response.status, await response.read(), location)
        except self._lost as error:
            raise EngineConnectionError(_say(error)) from error

    async def poll(self, url: str, address: Address, silence: float) -> Answer:
        """Wait for packets; see `request`.

        Args:
            url: Where to ask.
            address: Whose headers are sent.
            silence: Seconds after which the server is dead; the loop's timer notices it here.
        """
        return await self.request("GET", url, address, None, None)

    def _headers(self, url: str, address: Address) -> dict[str, str]:
        headers = dict(address.headers)
        cookies = address.cookies
        if self._cookies is not None:
            self._cookies.address = address
            cookies = self._cookies.header(_encoded(url))
            if cookies is not None and "=" in cookies:
                cookies = None  # the session writes them
        if cookies is not None:
            headers["Cookie"] = cookies
        if self._basic and address.trusted and "authorization" not in map(str.lower, headers):
            headers["Authorization"] = self._basic
        return headers

    def suits_websockets(self, url: str, address: Address) -> bool:
        """Tell whether a websocket can say what the session says; here it always can."""
        return True

    async def open_websocket(self, url: str, address: Address) -> Websocket | Answer:
        """Open a websocket, and return it or what the server answered instead.

        Raises:
            engineio.exceptions.ConnectionError: There was no answer.
            ProtocolError: Redirects, which aiohttp follows here, lead nowhere.
        """
        if self.session is None:
            raise EngineConnectionError("there is no session")
        options = {"max_msg_size": 0, **self._options, **self._websocket_options}
        options["headers"] = {**self._headers(url, address), **dict(options.get("headers") or {})}
        session = self._choose_session(url, options)
        try:
            async with asyncio.timeout(self._timeout):
                return Websocket(await session.ws_connect(_encoded(url), **options))
        except aiohttp.TooManyRedirects as error:
            count = len(error.history)
            raise ProtocolError(f"the server redirects more than {count} times") from error
        except aiohttp.RedirectClientError as error:
            raise ProtocolError(f"the server redirects to {str(error.args[0])!r}") from error
        except aiohttp.ClientResponseError as error:
            location = None if error.headers is None else error.headers.get("Location")
            return Answer(error.status, b"", location)
        except self._lost as error:
            raise EngineConnectionError(_say(error)) from error

    def _choose_session(self, url: str, options: dict[str, Any]) -> aiohttp.ClientSession:
        """Return the session of a websocket: one that asks an HTTP proxy for a tunnel, if it can.

        Others are forwarded, which not every proxy does (RFC 6455, section 4.1).
        """
        assert self.session is not None
        proxy = options.get("proxy")
        if self._cookies is None or not url.startswith("http:") or proxy is None:
            return self.session
        if not str(proxy).startswith("http:"):
            return self.session  # nothing that asks a proxy behind TLS for a tunnel
        if self._tunnels is None:
            try:
                connector = self._connector(str(proxy))
            except EngineConnectionError:  # its package is not installed
                return self.session
            self._tunnels = aiohttp.ClientSession(connector=connector, cookie_jar=self._cookies)
        del options["proxy"]
        return self._tunnels

    def _connector(self, proxy: str) -> aiohttp.BaseConnector:
        """Return what connects through a SOCKS proxy, or through tunnels of an HTTP proxy.

        Raises:
            engineio.exceptions.ConnectionError: The package for that is not installed.
        """
        connector, error = _connecting_through(proxy)
        self._lost = (*_LOST, error)
        return connector

    def abort(self) -> None:
        """End what waits for an answer; here its task is cancelled."""

    async def close(self) -> None:
        """Close the session, unless it was given."""
        if self._tunnels is not None:
            await self._tunnels.close()
        if self._closes and self.session is not None:
            await self.session.close()


class _Cancelled:
    """Tells a task that is cancelled from one that aiohttp says so to.

    All who wait until the transport takes more share one future there: when one of them is
    cancelled, those who wait after it are told that they are.
    """

    __slots__ = ("_count", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._count = 0 if self._task is None else self._task.cancelling()

    @property
    def is_meant(self) -> bool:
        """Whether this task was cancelled since; what began in place may have another one now."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > (self._count if task is self._task else 0)


class Websocket:
    """The client's end of one websocket.

    Args:
        websocket: The open websocket.
    """

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._interrupted = False  # whether somebody was cancelled while they waited to send

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            engineio.exceptions.ConnectionError: The websocket has ended.
        """
        message = await self._websocket.receive()
        if message.type is aiohttp.WSMsgType.TEXT or message.type is aiohttp.WSMsgType.BINARY:
            data: str | bytes = message.data
            return data
        raise EngineConnectionError(_closing(message))

    async def receive_within(self, seconds: float) -> str | bytes:
        """Return the next message, if it comes within a number of seconds; see `receive`."""
        try:
            async with asyncio.timeout(seconds):
                return await self.receive()
        except TimeoutError as error:
            raise EngineConnectionError(_say(error)) from error

    async def send(self, message: str | bytes) -> None:
        """Send one message.

        Raises:
            engineio.exceptions.ConnectionError: The connection is lost.
        """
        cancelled = _Cancelled() if self._interrupted else None
        try:
            if isinstance(message, str):
                await self._websocket.send_str(message)
            else:
                await self._websocket.send_bytes(message)
        except _LOST as error:
            raise EngineConnectionError(_say(error)) from error
        except asyncio.CancelledError as error:
            if cancelled is None or cancelled.is_meant:
                self._interrupted = True
                raise
            raise EngineConnectionError("the server has stopped reading") from error

    def takes(self, size: int, may_wait: bool) -> bool:
        """Tell whether the caller may write so much; here a task goes on with what has to wait."""
        return True

    def limit(self, seconds: float, patient: bool = False) -> None:
        """Limit how long a read or write may take; the loop's timers do that here."""

    async def leave(self) -> None:
        """Say that nothing more will be sent; here `close` does."""

    async def close(self) -> None:
        """Close it, giving the server a moment to do the same."""
        cancelled = _Cancelled()
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT):
                await self._websocket.close()
        except _LOST:
            self.abort()  # it was broken, or the server does not answer
        except asyncio.CancelledError:
            self.abort()
            if cancelled.is_meant:
                raise

    def abort(self) -> None:
        """End the connection at once, without waiting for what has not been sent.

        Closing its transport would wait for that, and so would whoever sends.
        """
        # aiohttp has no public way to the transport; to shut the socket down is the next best.
        transport = getattr(getattr(self._websocket, "_conn", None), "transport", None)
        if transport is not None:
            transport.abort()
            return
        connection = self._websocket.get_extra_info("socket")
        if connection is not None:
            try:
                connection.shutdown(2)
            except OSError:
                pass  # it is closed already


def _settings(
    url: str, ssl_verify: bool | str | os.PathLike[str], environment: bool
) -> tuple[str | None, ssl.SSLContext | None, str | None]:
    """Return proxy, certificates and credentials for a URL, as requests chooses; it reads files.

    Args:
        url: What will be asked.
        ssl_verify: The client's argument.
        environment: Whether the environment's variables count.
    """
    parts = urlsplit(url)
    context = None
    trusted: Any = ssl_verify
    if trusted is True and environment:
        trusted = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if not isinstance(trusted, bool):  # also for plain HTTP: a redirect may lead to TLS
        path = os.fspath(trusted)
        folder = os.path.isdir(path)
        if folder or os.path.exists(path):
            context = ssl.create_default_context(
                cafile=None if folder else path, capath=path if folder else None
            )
        elif parts.scheme == "https":
            raise ValueError(f"ssl_verify: there is no file or folder of certificates at {path!r}")
    basic = _basic_of_netrc(parts.hostname or "") if environment and "@" not in url else None
    proxies = getproxies() if environment else {}
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or not parts.hostname or _bypasses(parts.netloc.rpartition("@")[2], proxies):
        return None, context, basic
    return proxy if "://" in proxy else f"http://{proxy}", context, basic


def _bypasses(server: str, proxies: Mapping[str, str]) -> bool:
    """Tell whether a host, maybe with a port, is an exception from the proxies."""
    if proxy_bypass(server):
        return True
    try:
        address = ipaddress.ip_address(urlsplit(f"//{server}").hostname or "")
    except ValueError:
        return False  # a name
    for exception in proxies.get("no", "").split(","):
        try:
            if "/" in exception and address in ipaddress.ip_network(exception.strip()):
                return True
        except ValueError:
            pass  # no network
    return False


def _basic_of_netrc(host: str) -> str | None:
    """Return the `Authorization` header that the user's .netrc has for a host."""
    names = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    path = next(filter(os.path.exists, map(os.path.expanduser, names)), None)
    if path is None:
        return None
    try:
        found = netrc.netrc(path).authenticators(host)
    except (netrc.NetrcParseError, OSError):
        return None  # whoever it is for, it is not readable to us; requests passes it over too
    if found is None:
        return None
    user, account, password = found
    return "Basic " + b64encode(f"{user or account}:{password}".encode("latin-1")).decode()


def _connecting_through(proxy: str) -> tuple[aiohttp.BaseConnector, type[Exception]]:
    """Return what connects through a proxy, and what it raises when that refuses."""
    try:
        import aiohttp_socks
    except ImportError as error:
        raise EngineConnectionError(
            "aiohttp needs a package for SOCKS proxies such as the one in the environment's "
            "variables: pip install aiohttp-socks"
        ) from error
    # With socks5h the proxy looks the names up, with socks5 we do.
    scheme, _, rest = proxy.partition("://")
    names_there = scheme in ("socks5h", "socks4a")
    scheme = scheme.rstrip("ha")
    connector: aiohttp.BaseConnector = aiohttp_socks.ProxyConnector.from_url(
        f"{scheme}://{rest}", rdns=names_there
    )
    return connector, aiohttp_socks.ProxyError


def _encoded(url: str) -> yarl.URL:
    """Return a URL that is sent as it is written; only names of hosts may need encoding."""
    return yarl.URL(url, encoded=url.isascii())


def _closing(message: aiohttp.WSMessage) -> str:
    """Say how a websocket ended."""
    if message.type is aiohttp.WSMsgType.ERROR:
        return f"the websocket failed: {message.data}"
    code = f" with code {message.data}" if message.type is aiohttp.WSMsgType.CLOSE else ""
    reason = f" ({message.extra})" if message.extra else ""
    return f"the server closed the websocket{code}{reason}"


def _say(error: BaseException) -> str:
    """Return an error's text; some have none of their own."""
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    return str(error) or type(error).__name__
