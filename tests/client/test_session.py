"""What the HTTP library's session would send, polling and websocket both send, in both flavours."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import engineio
import pytest
import requests
import trustme
from aiohttp import web
from requests.auth import AuthBase, HTTPDigestAuth

from socketio.exceptions import ConnectionError

from .conftest import EngineServer, LoopThread
from .proxies import Proxy, serve_http, serve_socks
from .test_faults import Blocking, made_clients

BOTH = ["polling", "websocket"]
SECRET = "p@ss:w/rd"


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http", "https", "ws", "wss", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


@pytest.fixture
def server(engine_server: EngineServer) -> EngineServer:
    """A server that lets its clients upgrade."""
    engine_server.handshake["upgrades"] = ["websocket"]
    return engine_server


Make = Callable[..., Blocking]


@pytest.fixture
def make(flavour: str, loop_thread: LoopThread) -> Iterator[Make]:
    with made_clients(flavour, loop_thread) as make_one:
        yield make_one


def exchange(client: Blocking, server: EngineServer, **kwargs: Any) -> dict[str, web.Request]:
    """Connect, and return the first request of each kind that the server got."""
    kwargs.setdefault("transports", BOTH)
    client.connect(server, **kwargs)
    assert client.client.transport() == kwargs["transports"][-1]
    client.do("emit", "event")
    server.wait_for('42["event"]')
    seen: dict[str, web.Request] = {}
    for request in server.requests:
        seen[request.query["transport"]] = request
    assert set(seen) == set(kwargs["transports"])
    return seen


# -- headers and cookies ----------------------------------------------------------------------

COOKIES = [
    'prefs={"theme": "dark", "list": [1, 2]}',
    'quoted="a b"; other=x',
    "z=last; a=first",
    "path=/somewhere; expires=never; domain=x",
    "a[0]=1; a[1]=2; (b)=3",
    "alone",
    "token=abc==; empty=",
    "same=1; same=2",
]


@pytest.mark.parametrize("cookies", COOKIES)
def test_cookies_are_sent_as_given_beside_those_of_the_server(
    server: EngineServer, make: Make, cookies: str
) -> None:
    seen = exchange(make(), server, headers={"Cookie": cookies})
    assert server.requests[0].headers["Cookie"] == cookies
    assert seen["websocket"].headers["Cookie"] == f"sticky=backend-1; {cookies}"


def test_cookies_of_a_server_without_a_name(server: EngineServer, make: Make) -> None:
    server.url = server.url.replace("localhost", "127.0.0.1")
    seen = exchange(make(), server)
    assert seen["websocket"].headers["Cookie"] == "sticky=backend-1"


def test_no_origin_is_invented(server: EngineServer, make: Make) -> None:
    client = make()
    seen = exchange(client, server)
    assert "Origin" not in seen["websocket"].headers
    client.do("disconnect")
    seen = exchange(make(), server, headers={"Origin": "https://page.example"})
    assert seen["websocket"].headers.getall("Origin") == ["https://page.example"]


def test_headers_of_session_and_caller(
    server: EngineServer, flavour: str, loop_thread: LoopThread, make: Make
) -> None:
    headers = {"X-Session": "1", "X-Both": "session", "User-Agent": "mine"}

    def create() -> Any:
        session = requests.Session()
        session.headers.update(headers)
        return session

    async def create_async() -> Any:
        return aiohttp.ClientSession(headers=headers)

    client = make(http_session=create_async if flavour == "async" else create)
    given = {"X-Both": "caller", "X-Own": "2", "Host": "virtual.example"}
    for request in exchange(client, server, headers=given).values():
        found = {name: request.headers.getall(name) for name in (*headers, *given)}
        assert found == {
            "X-Session": ["1"],
            "X-Both": ["caller"],
            "User-Agent": ["mine"],
            "X-Own": ["2"],
            "Host": ["virtual.example"],
        }


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\n", "a\0"])
def test_a_header_of_two_lines_is_refused(
    server: EngineServer, make: Make, transport: str, value: str
) -> None:
    client = make()
    with pytest.raises(ValueError, match="'X-Token' has a line break"):
        client.connect(server, transports=[transport], headers={"X-Token": value})
    assert server.requests == []
    client.connect(server, transports=[transport])


QUERY = "q=%2B%2F%20%26&r=a+b&empty=&flag&list%5B%5D=1"


def test_a_host_of_the_callers(server: EngineServer, make: Make) -> None:
    seen = exchange(make(), server, headers={"Host": "virtual.example:81"})
    assert {request.headers["Host"] for request in seen.values()} == {"virtual.example:81"}


def test_parameters_of_a_session(server: EngineServer, loop_thread: LoopThread) -> None:
    session = requests.Session()
    session.params = {"tenant": "a b"}
    client = Blocking("sync", loop_thread, reconnection=False, http_session=session)
    seen = exchange(client, server)
    assert {request.query["tenant"] for request in seen.values()} == {"a b"}
    client.do("disconnect")
    session.close()


def test_a_query_is_sent_as_it_is_encoded(server: EngineServer, make: Make) -> None:
    client = make()
    client.do("connect", f"{server.url}?{QUERY}&name=ä b", wait_timeout=20)
    assert {r.query["transport"] for r in server.requests} == set(BOTH)
    for request in server.requests:
        raw = request.raw_path.partition("?")[2]
        assert raw.startswith(f"{QUERY}&name=%C3%A4%20b&transport=")


def test_credentials_in_the_url(server: EngineServer, make: Make) -> None:
    server.url = server.url.replace("//", f"//user:{quote(SECRET, safe='')}@")
    basic = "Basic " + b64encode(f"user:{SECRET}".encode()).decode()
    for request in exchange(make(), server).values():
        assert request.headers["Authorization"] == basic


def test_credentials_in_netrc(
    server: EngineServer, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for request in exchange(make(), server).values():
        assert request.headers["Authorization"] == "Basic dXNlcjpzZWNyZXQ="


# -- authentication ---------------------------------------------------------------------------


class Token(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token for {request.path_url.partition('?')[0]}"
        return request


@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
def test_authentication_that_only_writes_a_header(
    server: EngineServer, loop_thread: LoopThread, transports: list[str]
) -> None:
    session = requests.Session()
    session.auth = Token()
    client = Blocking("sync", loop_thread, reconnection=False, http_session=session)
    for request in exchange(client, server, transports=transports).values():
        assert request.headers["Authorization"] == "Token for /socket.io/"
    client.do("disconnect")
    session.close()


def test_digest_authentication_stays_on_polling(
    server: EngineServer, loop_thread: LoopThread
) -> None:
    def challenge(request: web.Request) -> web.StreamResponse | None:
        if "Digest" in request.headers.get("Authorization", ""):
            return None
        return web.Response(
            status=401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
        )

    server.answer_first = challenge
    session = requests.Session()
    session.auth = HTTPDigestAuth("user", "secret")
    client = Blocking("sync", loop_thread, reconnection=False, http_session=session)
    client.connect(server, transports=BOTH)
    assert client.client.transport() == "polling"
    client.do("emit", "event")
    server.wait_for('42["event"]')
    client.do("disconnect")
    with pytest.raises(ValueError, match="only basic authentication is supported"):
        client.connect(server, transports=["websocket"])
    session.close()


def test_digest_authentication_by_a_middleware(
    server: EngineServer, loop_thread: LoopThread
) -> None:
    def challenge(request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Authorization", "").startswith("Digest "):
            return None
        value = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
        return web.Response(status=401, headers={"WWW-Authenticate": value})

    async def create() -> aiohttp.ClientSession:
        middleware = aiohttp.DigestAuthMiddleware(login="user", password="secret")
        return aiohttp.ClientSession(middlewares=(middleware,))

    server.answer_first = challenge
    session = loop_thread.run(create())
    for transports in (BOTH, ["websocket"]):
        client = Blocking("async", loop_thread, reconnection=False, http_session=session)
        server.requests.clear()
        exchange(client, server, transports=transports)
        client.do("disconnect")
    loop_thread.run(session.close())


# -- redirects --------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(loop_thread: LoopThread) -> Iterator[EngineServer]:
    server = EngineServer(loop_thread)
    server.handshake["upgrades"] = ["websocket"]
    yield server
    server.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("transports", [BOTH, ["polling"], ["websocket"]])
def test_redirects_are_followed_and_the_session_stays_there(
    server: EngineServer,
    elsewhere: EngineServer,
    make: Make,
    status: int,
    transports: list[str],
) -> None:
    def redirect(request: web.Request) -> web.StreamResponse:
        query = request.raw_path.partition("?")[2]
        if request.path == "/socket.io/":
            location = f"/second/?{query}"
        else:
            location = f"{elsewhere.url}/prefix/socket.io/?{query}"
        return web.Response(status=status, headers={"Location": location})

    server.answer_first = redirect
    client = make()
    client.connect(
        server,
        transports=transports,
        headers={"Authorization": "secret", "X-Own": "1", "Cookie": "mine=1"},
    )
    client.do("emit", "event")
    elsewhere.wait_for('42["event"]')
    assert [r.path for r in server.requests] == ["/socket.io/", "/second/"]
    assert {r.path for r in elsewhere.requests} == {"/prefix/socket.io/"}
    assert {r.query["transport"] for r in elsewhere.requests} == set(transports)
    assert {r.headers["X-Own"] for r in elsewhere.requests} == {"1"}
    assert {r.headers["Authorization"] for r in server.requests} == {"secret"}
    assert {r.headers["Cookie"] for r in server.requests} == {"mine=1"}
    assert not any("mine" in r.headers.get("Cookie", "") for r in elsewhere.requests)
    assert not any("Authorization" in r.headers for r in elsewhere.requests)


@pytest.mark.parametrize("transport", BOTH)
def test_redirects_that_never_end(server: EngineServer, make: Make, transport: str) -> None:
    server.answer_first = lambda request: web.Response(
        status=302, headers={"Location": request.raw_path}
    )
    with pytest.raises(ConnectionError, match=r"redirects more than \d+ times"):
        make().connect(server, transports=[transport])


@pytest.mark.parametrize("transport", BOTH)
def test_a_redirect_to_nowhere(server: EngineServer, make: Make, transport: str) -> None:
    server.answer_first = lambda request: web.Response(
        status=302, headers={"Location": "mailto:somebody"}
    )
    with pytest.raises(ConnectionError, match="redirects to 'mailto:somebody'"):
        make().connect(server, transports=[transport])


@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
def test_a_redirect_to_tls_finds_the_trusted_certificates(
    server: EngineServer, make: Make, transports: list[str], authority_of: AuthorityOf
) -> None:
    with authority_of() as authority:
        server.answer_first = lambda request: web.Response(
            status=307, headers={"Location": f"{authority.server.url}{request.raw_path}"}
        )
        client = make(ssl_verify=str(authority.file))
        client.connect(server, transports=transports)
        client.do("emit", "event")
        authority.server.wait_for('42["event"]')
        assert client.client.transport() == "websocket"
        client.do("disconnect")


# -- TLS --------------------------------------------------------------------------------------


class Authority:
    """A certificate authority in a file and in a folder, and a server that it vouches for."""

    def __init__(
        self, loop: LoopThread, folder: Path, openssl: str, client_certificates: bool = False
    ) -> None:
        self.authority = trustme.CA()
        self.file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.file))
        self.folder = folder / "certificates"
        self.folder.mkdir()
        name = subprocess.run(
            [openssl, "x509", "-hash", "-noout", "-in", str(self.file)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        (self.folder / f"{name}.0").write_bytes(self.file.read_bytes())
        self.client = folder / "client.pem"
        self.authority.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(
            str(self.client)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost").configure_cert(context)
        if client_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file)
        self.server = EngineServer(loop, tls=context)
        self.server.handshake["upgrades"] = ["websocket"]


AuthorityOf = Callable[..., AbstractContextManager[Authority]]


@pytest.fixture
def authority_of(need: Callable[..., Any], loop_thread: LoopThread, tmp_path: Path) -> AuthorityOf:
    openssl = need("openssl", shutil.which("openssl"), "apt-get install openssl")

    @contextmanager
    def make(**kwargs: Any) -> Iterator[Authority]:
        authority = Authority(loop_thread, tmp_path, openssl, **kwargs)
        yield authority
        authority.server.close()

    return make


FORMS: dict[str, Callable[[Authority], Any]] = {
    "name of a file": lambda authority: str(authority.file),
    "path object": lambda authority: authority.file,
    "folder": lambda authority: str(authority.folder),
}


@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
@pytest.mark.parametrize("form", FORMS)
def test_trusted_certificates_as_an_argument(
    tmp_path: Path, make: Make, form: str, transports: list[str], authority_of: AuthorityOf
) -> None:
    with authority_of() as authority:
        client = make(ssl_verify=FORMS[form](authority))
        exchange(client, authority.server, transports=transports)
        client.do("disconnect")
        other = trustme.CA()
        other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
        with pytest.raises(ConnectionError, match=r"(?i)certificate"):
            make(ssl_verify=str(tmp_path / "other.pem")).connect(
                authority.server, transports=transports
            )


def test_a_wrong_ssl_verify_is_refused(server: EngineServer, make: Make, flavour: str) -> None:
    with pytest.raises(TypeError, match="ssl_verify= needs True, False, or the path"):
        make(ssl_verify=3)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
def test_trusted_certificates_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    transports: list[str],
    variable: str,
    authority_of: AuthorityOf,
) -> None:
    with authority_of() as authority:
        monkeypatch.setenv(variable, str(authority.file))
        client = make()
        exchange(client, authority.server, transports=transports)
        client.do("disconnect")


@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
@pytest.mark.parametrize("form", FORMS)
def test_certificates_of_a_session(
    loop_thread: LoopThread, form: str, transports: list[str], authority_of: AuthorityOf
) -> None:
    with authority_of(client_certificates=True) as authority:
        session = requests.Session()
        session.verify = FORMS[form](authority)
        session.cert = str(authority.client)
        client = Blocking("sync", loop_thread, reconnection=False, http_session=session)
        exchange(client, authority.server, transports=transports)
        client.do("disconnect")
        session.close()


def test_certificates_of_a_session_of_aiohttp(
    loop_thread: LoopThread, authority_of: AuthorityOf
) -> None:
    with authority_of(client_certificates=True) as authority:
        context = ssl.create_default_context(cafile=str(authority.file))
        context.load_cert_chain(authority.client)

        async def create() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

        session = loop_thread.run(create())
        for transports in (BOTH, ["websocket"]):
            client = Blocking("async", loop_thread, reconnection=False, http_session=session)
            authority.server.requests.clear()
            exchange(client, authority.server, transports=transports)
            client.do("disconnect")
        loop_thread.run(session.close())


def test_options_of_websocket_client_go_before_the_session(
    loop_thread: LoopThread, authority_of: AuthorityOf
) -> None:
    with authority_of() as authority:
        client = Blocking(
            "sync",
            loop_thread,
            reconnection=False,
            websocket_extra_options={"sslopt": {"ca_certs": str(authority.file)}},
        )
        exchange(client, authority.server, transports=["websocket"])
        client.do("disconnect")


# -- proxies ----------------------------------------------------------------------------------


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy(serve_http)
    yield proxy
    proxy.close()


@pytest.fixture
def socks() -> Iterator[Proxy]:
    proxy = Proxy(serve_socks)
    yield proxy
    proxy.close()


def url_of(proxy: Proxy, scheme: str) -> str:
    return f"{scheme}://{proxy.user}:{quote(SECRET, safe='')}@127.0.0.1:{proxy.port}"


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
def test_a_proxy_of_the_environment(
    server: EngineServer,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    flavour: str,
    make: Make,
    transports: list[str],
    variable: str,
) -> None:
    monkeypatch.setenv(variable, url_of(proxy, "http"))
    exchange(make(), server, transports=transports)
    port = server.url.rpartition(":")[2]
    assert f"CONNECT localhost:{port}" in proxy.asked  # the websocket's
    assert len(proxy.asked) >= len(transports)


@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
def test_a_proxy_before_tls(
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    transports: list[str],
    authority_of: AuthorityOf,
) -> None:
    monkeypatch.setenv("https_proxy", url_of(proxy, "http"))
    with authority_of() as authority:
        client = make(ssl_verify=str(authority.file))
        exchange(client, authority.server, transports=transports)
        client.do("disconnect")
    assert {entry.split()[0] for entry in proxy.asked} == {"CONNECT"}


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("host", "exception"),
    [
        ("localhost", "localhost"),
        ("localhost", "*"),
        ("localhost", "other.example, localhost"),
        ("localhost", "localhost:PORT"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.0/8"),
        ("127.0.0.1", "10.0.0.0/8,127.0.0.1/32"),
    ],
)
def test_exceptions_from_a_proxy(
    server: EngineServer,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    host: str,
    exception: str,
    variable: str,
) -> None:
    port = server.url.rpartition(":")[2]
    monkeypatch.setenv("http_proxy", url_of(proxy, "http"))
    monkeypatch.setenv(variable, exception.replace("PORT", port))
    server.url = f"http://{host}:{port}"
    exchange(make(), server)
    assert proxy.asked == []


@pytest.mark.parametrize(
    "exception", ["127.0.0.0/33", "10.0.0.0/8", "host:1", "other.example", "127/8"]
)
def test_what_is_no_exception_from_a_proxy(
    server: EngineServer,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    exception: str,
) -> None:
    monkeypatch.setenv("http_proxy", url_of(proxy, "http"))
    monkeypatch.setenv("no_proxy", exception)
    server.url = server.url.replace("localhost", "127.0.0.1")
    exchange(make(), server)
    assert proxy.asked


def test_a_redirect_leaves_a_proxy_that_is_not_for_there(
    server: EngineServer,
    elsewhere: EngineServer,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
) -> None:
    port = elsewhere.url.rpartition(":")[2]
    monkeypatch.setenv("http_proxy", url_of(proxy, "http"))
    monkeypatch.setenv("no_proxy", f"localhost:{port}")
    server.answer_first = lambda request: web.Response(
        status=307, headers={"Location": f"{elsewhere.url}{request.raw_path}"}
    )
    client = make()
    client.connect(server, transports=BOTH)
    client.do("emit", "event")
    elsewhere.wait_for('42["event"]')
    assert len(proxy.asked) == 1


def test_a_proxy_that_refuses(
    server: EngineServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:wrong@127.0.0.1:{proxy.port}")
    for transport in BOTH:
        with pytest.raises(ConnectionError, match="407"):
            make().connect(server, transports=[transport])


@pytest.mark.parametrize("transport", BOTH)
def test_a_socks_proxy_that_refuses(
    server: EngineServer,
    socks: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    transport: str,
) -> None:
    monkeypatch.setenv("all_proxy", f"socks5://user:wrong@127.0.0.1:{socks.port}")
    with pytest.raises(ConnectionError, match=r"(?i)authentication"):
        make().connect(server, transports=[transport])


@pytest.mark.parametrize(("scheme", "asked"), [("socks5", "address"), ("socks5h", "localhost")])
@pytest.mark.parametrize("transports", [BOTH, ["websocket"]])
def test_a_socks_proxy(
    server: EngineServer,
    socks: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    make: Make,
    scheme: str,
    asked: str,
    transports: list[str],
) -> None:
    monkeypatch.setenv("all_proxy", url_of(socks, scheme))
    exchange(make(), server, transports=transports)
    assert set(socks.asked) == {f"SOCKS {asked}"}


@pytest.mark.parametrize("key", ["http", "all", "http://localhost"])
def test_a_proxy_of_a_session(
    server: EngineServer, loop_thread: LoopThread, proxy: Proxy, key: str
) -> None:
    session = requests.Session()
    session.proxies = {key: url_of(proxy, "http")}
    client = Blocking("sync", loop_thread, reconnection=False, http_session=session)
    exchange(client, server)
    client.do("disconnect")
    assert {entry.split()[0] for entry in proxy.asked} >= {"GET", "CONNECT"}
    session.close()


def test_a_session_that_its_owner_has_closed(server: EngineServer, loop_thread: LoopThread) -> None:
    async def create() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    session = loop_thread.run(create())
    client = Blocking("async", loop_thread, reconnection=False, http_session=session)
    exchange(client, server)
    client.do("disconnect")
    loop_thread.run(session.close())
    client.connect(server)
    client.do("disconnect")


# -- what applications know the engine by -----------------------------------------------------


def test_the_engine_is_a_client_of_python_engineio(server: EngineServer, make: Make) -> None:
    client = make()
    assert isinstance(client.client.eio, engineio.Client | engineio.AsyncClient)
    server.answer_open = lambda request: web.Response(status=403, text="no")
    with pytest.raises(ConnectionError, match="403") as caught:
        client.connect(server)
    assert isinstance(caught.value.__cause__, engineio.exceptions.ConnectionError)
