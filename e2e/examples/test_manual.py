"""The manual's examples as processes: both flavours with each other and with JavaScript.

Every client prints a transcript, and whoever serves it, it must be the same.
"""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from brokers import RedisServer, private
from rig.example import MANUAL, ExampleServer, RunningClient, python_example, run_client
from rig.kinds import E2E

TRANSCRIPTS = {
    "basic": [
        "connection established",
        "message received with {'hello': 'world'}",
        "disconnected from server",
    ],
    "latency": ["connected to server", "my sid is SID", *["latency is N ms"] * 5],
    "rooms": [
        "rooms of ada: 2",
        "rooms of bob: 2",
        "bob hears 'hello'",
        "ada hears 'good day'",
        "rooms of bob: 1",
        "both heard the announcement",
    ],
    "sessions": ["ada says hello", "renamed from ada", "countess says hello again"],
    "callbacks": [
        "answered: OK 123",
        "called: OK 123",
        "asked: and you?",
        "the server heard: fine 7",
        "asked: how are you?",
        "the server heard in its handler: fine 7",
    ],
    "namespaces": [
        "I'm connected to the /chat namespace!",
        "in /chat: chat: bar",
        "in /news: news: today",
        "namespaces: /chat /news",
        "ids differ: True",
    ],
    "class_namespaces": [
        "connected",
        "response: hello",
        "handled by the function",
        "disconnected",
    ],
    "catch_all": ["connected", "caught whatever you like: data", "not caught: data"],
    "refusal": [
        "The connection failed! Connection rejected by server None",
        "refused",
        "The connection failed! authentication failed {'tried': 'wrong'}",
        "refused",
        "I'm connected!",
        "I'm disconnected!",
    ],
    "background": ["from the background", "in order: True", "done"],
    "debugging": ["hello"],
}

SID = r"[\w-]{20}"
SERVER_TRANSCRIPTS = {
    "basic": [f"connect {SID}", r"message {'response': 'my response'}", f"disconnect {SID}"],
    "sessions": ["good bye countess"],
    "callbacks": [r"my_event {'foo': 'bar'}", r"my_event {'foo': 'baz'}"],
    "class_namespaces": [f"connect {SID}", f"disconnect {SID}"],
    "refusal": ["accepted", "disconnect"],
}
"""What the Python servers print themselves."""

SERVERS = {"werkzeug": "server", "asyncio": "server_asyncio"}
CLIENTS = {"threads": "client", "asyncio": "client_asyncio"}


@pytest.fixture(scope="module", params=[*SERVERS, "javascript"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., ExampleServer]]:
    """Start the server of a topic, once for all clients."""
    running: dict[str, ExampleServer] = {}

    def start(topic: str, *arguments: str) -> ExampleServer:
        if topic not in running:
            if request.param == "javascript":
                node = request.getfixturevalue("node_path")
                server = ExampleServer(node, str(E2E / "examples" / "servers.mjs"), topic)
            else:
                server = ExampleServer(*python_example(topic, SERVERS[request.param]))
            server.start(*arguments)
            running[topic] = server
        return running[topic]

    yield start
    for server in running.values():
        if server.process.poll() is None:
            server.stop()
        assert server.crashes() == ""


@pytest.fixture(params=[*CLIENTS, "javascript"])
def client_command(request: pytest.FixtureRequest) -> Callable[[str, str], list[str]]:
    """Return the command of the client of a topic."""

    def command(topic: str, url: str) -> list[str]:
        if request.param == "javascript":
            node = request.getfixturevalue("node_path")
            return [node, str(E2E / "examples" / "clients.mjs"), topic, url]
        return [*python_example(topic, CLIENTS[request.param]), url]

    return command


@pytest.mark.server
@pytest.mark.node
@pytest.mark.parametrize("topic", TRANSCRIPTS)
def test_example(
    serve: Callable[..., ExampleServer],
    client_command: Callable[[str, str], list[str]],
    topic: str,
) -> None:
    server = serve(topic)
    before = len(server.lines)
    transcript = run_client(*client_command(topic, server.url))
    plain = [
        re.sub(r"\d+\.\d\d ms", "N ms", re.sub(f"sid is {SID}$", "sid is SID", line))
        for line in transcript
    ]
    assert plain == TRANSCRIPTS[topic]
    if server.command[0].endswith("node"):
        return
    for pattern in SERVER_TRANSCRIPTS.get(topic, []):
        server.wait_for_line(pattern, start=before)


@pytest.mark.server
@pytest.mark.parametrize("program", SERVERS.values(), ids=SERVERS)
def test_logging_goes_to_standard_error(program: str) -> None:
    server = ExampleServer(*python_example("debugging", program))
    server.start()
    try:
        assert run_client(*python_example("debugging", "client"), server.url) == ["hello"]
    finally:
        server.stop()
    logged = "".join(server.errors)
    assert "opened on polling" in logged
    assert "Received event 'hello' from " in logged


# -- static files ---------------------------------------------------------------------------------


@pytest.fixture(params=SERVERS.values(), ids=SERVERS)
def files(request: pytest.FixtureRequest) -> Iterator[ExampleServer]:
    """The server of the static files' example."""
    server = ExampleServer(*python_example("static_files", request.param))
    server.start()
    yield server
    server.stop()
    assert server.crashes() == ""


def fetch(url: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read()


@pytest.mark.server
def test_static_files_and_the_application_behind(files: ExampleServer) -> None:
    public = MANUAL / "static_files" / "public"
    index = (public / "index.html").read_bytes()
    assert fetch(f"{files.url}/") == (200, "text/html", index)
    assert fetch(f"{files.url}/static/") == (200, "text/html", index)
    assert fetch(f"{files.url}/static/index.html") == (200, "text/html", index)
    styles = (public / "css" / "styles.css").read_bytes()
    assert fetch(f"{files.url}/static/css/styles.css") == (200, "text/css", styles)
    source = (public.parent / "server.py").read_bytes()
    assert fetch(f"{files.url}/source") == (200, "text/x-python", source)
    behind = (200, "text/plain", b"the application at /elsewhere")
    assert fetch(f"{files.url}/elsewhere") == behind
    outside = fetch(f"{files.url}/static/../server.py")
    assert outside[2] != source
    status, kind, body = fetch(f"{files.url}/socket.io/?EIO=4&transport=polling")
    assert (status, kind, body[:1]) == (200, "text/plain", b"0")


@pytest.mark.server
@pytest.mark.parametrize("program", SERVERS.values(), ids=SERVERS)
def test_the_page_of_the_latency_example(program: str) -> None:
    server = ExampleServer(*python_example("latency", program))
    server.start()
    try:
        page = (MANUAL / "latency" / "latency.html").read_bytes()
        assert fetch(f"{server.url}/") == (200, "text/html", page)
        assert fetch(f"{server.url}/other")[0] == 404
    finally:
        server.stop()


# -- other processes ------------------------------------------------------------------------------


@pytest.fixture
def redis_url(need: Callable[..., str]) -> Iterator[str]:
    """A Redis of this test alone."""
    need("redis", shutil.which("redis-server"), "apt-get install redis-server")
    with private(RedisServer) as broker:
        yield broker.url


@pytest.mark.broker
@pytest.mark.server
@pytest.mark.parametrize("emitter", ["emit", "emit_asyncio"])
@pytest.mark.parametrize("program", SERVERS.values(), ids=SERVERS)
def test_emitting_from_an_external_process(
    redis_url: str, program: str, emitter: str, client_command: Callable[[str, str], list[str]]
) -> None:
    server = ExampleServer(*python_example("external", program))
    server.start(redis_url)
    try:
        waiting = RunningClient(*client_command("external", server.url))
        assert waiting.first_line() == "joined"
        # The server may not listen to the broker yet, and nobody keeps what is said meanwhile.
        for _ in range(10):
            assert run_client(*python_example("external", emitter), redis_url) == []
            if waiting.has_ended(2):
                break
        assert waiting.finish() == ["joined", "from outside: {'foo': 'bar'}"]
    finally:
        server.stop()
    assert server.crashes() == ""
