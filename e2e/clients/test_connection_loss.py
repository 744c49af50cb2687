"""What the clients do when a connection fails, is lost, or the program is told to end."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.client import FlavouredClient
from rig.process import DEADLINE, Program, wait_until_in_charge

import socketio

MakeClient = Callable[..., FlavouredClient]

HERE = Path(__file__).parent
CLIENT_PROGRAM = HERE / "client_program.py"
WAYS: dict[str, dict[str, Any]] = {
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "upgrade": {},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(WAYS[request.param])


@pytest.mark.parametrize("crash", [True, False], ids=["killed", "stopped"])
def test_reconnects_after_the_server_was_restarted(
    own_js: Program, make_client: MakeClient, way: dict[str, Any], crash: bool
) -> None:
    """Trap 36: and the caller's headers stay as they are."""
    client = make_client(reconnection_delay=0.1, reconnection_delay_max=0.2)
    client.listen("connect", "disconnect", "echo", "__disconnect_final")
    headers = {"x-test": "kept"}
    client.connect(own_js.url, headers=headers, auth={"tag": "kept"}, **way)
    first = client.get_sid()
    for turn in (1, 2):
        if crash:
            own_js.kill()
        else:
            own_js.stop()
        client.record.wait("disconnect", turn)
        assert not client.connected
        with pytest.raises(socketio.exceptions.BadNamespaceError):
            client.emit("echo", "nobody there")
        own_js.restart()
        client.record.wait("connect", turn + 1)
        assert client.call("echo", turn) == turn
    assert client.get_sid() != first
    seen = own_js.journal.wait(event="handshake")
    assert (seen["header"], seen["auth"]) == ("kept", {"tag": "kept"})
    assert headers == {"x-test": "kept"}
    assert client.record.all("__disconnect_final") == []


def test_reconnects_after_the_transport_was_lost(js: Program, make_client: MakeClient) -> None:
    client = make_client(reconnection_delay=0.01)
    client.listen("connect", "disconnect")
    client.connect(js.url, transports=["websocket"])
    for turn in (1, 2, 3):
        client.emit("drop")
        client.record.wait("connect", turn + 1)
    assert client.record.all("disconnect") == [("transport error",)] * 3


def test_the_given_wait_timeout_also_holds_for_reconnections(
    js: Program, make_client: MakeClient
) -> None:
    """Trap 37."""
    client = make_client(reconnection_delay=0.01)
    client.listen("connect", "connect_error")
    client.connect(js.url, auth={"delay": 1300}, wait_timeout=DEADLINE, transports=["websocket"])
    client.emit("drop")
    client.record.wait("connect", 2)
    assert client.record.entries == [("connect",), ("connect",)]


def test_gives_up_after_its_attempts_and_works_again_later(
    own_js: Program, make_client: MakeClient
) -> None:
    """Trap 36."""
    client = make_client(
        reconnection_attempts=2, reconnection_delay=0.01, reconnection_delay_max=0.02
    )
    client.listen("connect", "disconnect", "connect_error", "__disconnect_final")
    client.connect(own_js.url, transports=["websocket"])
    own_js.kill()
    client.wait()
    client.record.wait("__disconnect_final")  # its handler runs beside whoever waits
    assert [entry[0] for entry in client.record.entries] == [
        "connect",
        "disconnect",
        "connect_error",
        "connect_error",
        "__disconnect_final",
    ]
    own_js.restart()
    client.connect(own_js.url, transports=["websocket"])
    client.emit("drop")
    client.record.wait("connect", 3)
    assert client.call("echo", "again") == "again"


def test_disconnect_ends_a_reconnection(
    own_js: Program, make_client: MakeClient, within: Callable[[float, float], None]
) -> None:
    """Trap 36."""
    client = make_client(reconnection_delay=30, reconnection_delay_max=60)
    client.listen("disconnect", "__disconnect_final")
    client.connect(own_js.url)
    own_js.kill()
    client.record.wait("disconnect")
    assert client.client in socketio.base_client.reconnecting_clients
    began = time.monotonic()
    client.disconnect()
    client.wait()
    within(time.monotonic() - began, 1)
    assert client.record.all("__disconnect_final") == [()]
    assert socketio.base_client.reconnecting_clients == []


def test_shutdown_ends_a_reconnection_in_the_middle_of_an_attempt(
    own_js: Program, make_client: MakeClient
) -> None:
    client = make_client(reconnection_delay=0.01)
    client.listen("connect", "connect_error", "disconnect")
    client.connect(own_js.url)
    own_js.kill()
    client.record.wait("connect_error", 2)
    client.shutdown()
    attempts = len(client.record.all("connect_error"))
    own_js.restart()
    client.sleep(0.3)
    assert len(client.record.all("connect_error")) == attempts
    assert not client.connected


def test_connect_goes_before_a_running_reconnection(
    own_js: Program, make_client: MakeClient
) -> None:
    """Trap 36: there is one reconnection at most."""
    client = make_client(reconnection_delay=30, reconnection_delay_max=60)
    client.listen("connect", "disconnect", "__disconnect_final")
    client.connect(own_js.url)
    own_js.kill()
    client.record.wait("disconnect")
    own_js.restart()
    client.connect(own_js.url)
    assert client.record.entries == [("connect",), ("disconnect", "transport error"), ("connect",)]


def test_a_disconnect_handler_may_connect_again(
    js: Program, flavour: str, make_client: MakeClient
) -> None:
    client = make_client(reconnection=False)
    client.listen("connect")
    inner = client.client

    def again(reason: str) -> None:
        client.record.add("disconnect", reason)
        if len(client.record.all("disconnect")) < 3:
            inner.connect(js.url, wait_timeout=DEADLINE)

    async def again_async(reason: str) -> None:
        client.record.add("disconnect", reason)
        if len(client.record.all("disconnect")) < 3:
            await inner.connect(js.url, wait_timeout=DEADLINE)

    client.on("disconnect", again if flavour == "sync" else again_async)
    client.connect(js.url)
    for turn in (1, 2, 3):
        client.record.wait("connect", turn)
        inner_connected = time.monotonic() + DEADLINE
        while not client.connected and time.monotonic() < inner_connected:
            client.sleep(0.01)
        client.emit("kick")
        client.record.wait("disconnect", turn)
    client.wait()
    assert not client.connected


def test_a_connect_handler_may_disconnect(
    js: Program, flavour: str, make_client: MakeClient
) -> None:
    client = make_client()
    client.listen("disconnect")
    inner = client.client

    def leave() -> None:
        inner.disconnect()

    async def leave_async() -> None:
        await inner.disconnect()

    client.on("connect", leave if flavour == "sync" else leave_async)
    client.connect(js.url)
    client.wait()
    assert client.record.all("disconnect") == [("client disconnect",)]


def test_retry_goes_on_until_there_is_a_server(own_js: Program, make_client: MakeClient) -> None:
    own_js.kill()
    client = make_client(reconnection_delay=0.1, reconnection_delay_max=0.2)
    client.listen("connect_error")
    done = threading.Event()

    def connect() -> None:
        client.connect(own_js.url, retry=True)
        done.set()

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    client.record.wait("connect_error", 2)
    assert not done.is_set()
    own_js.restart()
    assert done.wait(DEADLINE)
    thread.join()
    assert client.call("echo", 1) == 1


def test_retry_ends_with_the_attempts(own_js: Program, make_client: MakeClient) -> None:
    own_js.kill()
    client = make_client(reconnection_delay=0.01, reconnection_attempts=2)
    client.listen("connect_error", "__disconnect_final")
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(own_js.url, retry=True)
    assert len(client.record.all("connect_error")) == 3
    assert client.record.all("__disconnect_final") == [()]


def test_connect_twice(js: Program, make_client: MakeClient) -> None:
    client = make_client()
    client.connect(js.url)
    with pytest.raises(socketio.exceptions.ConnectionError, match="Already connected"):
        client.connect(js.url)
    assert client.call("echo", 1) == 1


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_is_no_socketio_server(
    js: Program, flavour: str, make_client: MakeClient, transport: str
) -> None:
    client = make_client()
    client.listen("connect_error")
    with pytest.raises(socketio.exceptions.ConnectionError) as caught:
        client.connect(js.journal.wait(event="plain")["url"], transports=[transport])
    message = str(caught.value)
    assert "418" in message
    if (flavour, transport) != ("async", "websocket"):  # aiohttp does not read that body
        assert "I am no Socket.IO server" in message
    assert client.record.all("connect_error") == [
        (message.removeprefix("Connection error: "),)
    ] or client.record.all("connect_error") == [(message,)]


def test_nobody_listens(make_client: MakeClient) -> None:
    client = make_client()
    with pytest.raises(socketio.exceptions.ConnectionError, match=r"127\.0\.0\.1"):
        client.connect("http://127.0.0.1:1")


@pytest.fixture(scope="session")
def old_js(node_path: str) -> Iterator[Program]:
    """A server of the 2.x generation."""
    program = Program([node_path, str(HERE / "old_generation_server.mjs")]).start()
    yield program
    program.kill()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_server_of_the_generation_before_is_named(
    old_js: Program, make_client: MakeClient, transport: str
) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError, match=r"Socket\.IO 2\.x generation"):
        make_client().connect(old_js.url, transports=[transport])


PLACES = (
    "wait",
    "sleep",
    "receive",
    "reconnect",
    "attempt",
    "handler",
    "handshake",
    "connect",
    "connect handler",
    "call",
    "stuck",
)
"""Where a program is when a signal comes; ``client_program.py`` explains them."""
WAITING = ("wait", "reconnect", "attempt", "handler", "stuck")
"""Where its main thread is in ``wait()``, or will be in a moment."""


def end_program(js: Program, number: signal.Signals, *arguments: str) -> Program:
    """Run ``client_program.py``, end it by a signal and see that it takes less than a second."""
    # The best of three: the server, or another thread, may not have had its turn.
    for _ in range(3):
        flavour, *others = arguments
        program = Program([sys.executable, str(CLIENT_PROGRAM), flavour, js.url, *others])
        program.start()
        program.journal.wait(event="there")
        if "attempt" in others:  # the handler of the loss is not what is interrupted
            program.journal.wait(event="disconnect")
        if number is signal.SIGTERM and others in ([place] for place in WAITING):
            wait_until_in_charge(program.process.pid, number)
        took = program.stop_in_own_time(number)
        if took < 1:
            return program
    raise AssertionError(f"{took:.2f} s\n{''.join(program.errors)}")


def reasons(program: Program) -> list[str]:
    """Return what the disconnect handlers were told."""
    return [entry["reason"] for entry in program.journal.all(event="disconnect")]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("options", [[], ["no"]], ids=["", "handle_sigint=False"])
def test_ctrl_c_ends_the_program_within_a_second(
    js: Program, flavour: str, where: str, options: list[str]
) -> None:
    """Trap 40: wherever it is, and the disconnect handlers have run to their end."""
    program = end_program(js, signal.SIGINT, flavour, where, *options)
    assert program.process.returncode in (-signal.SIGINT, 1, 130)
    assert "KeyboardInterrupt" in program.errors[-1]
    assert not any("never" in line or "pending" in line for line in program.errors)
    if where in ("handshake", "receive", "stuck"):  # the simple client has no handlers
        assert reasons(program) == []
    elif where in ("reconnect", "attempt"):  # told when the connection was lost
        assert len(reasons(program)) == 1
    else:
        assert reasons(program) == ["client disconnect"]


@pytest.mark.parametrize("where", PLACES)
def test_sigterm_ends_the_program_within_a_second(js: Program, flavour: str, where: str) -> None:
    """Trap 40: in an orderly way while it waits for its client, elsewhere as Python does."""
    program = end_program(js, signal.SIGTERM, flavour, where)
    assert program.process.returncode == -signal.SIGTERM
    assert program.errors == []
    if where in ("reconnect", "attempt"):
        assert len(reasons(program)) == 1
    else:
        assert reasons(program) == ["client disconnect"] * (where in ("wait", "handler"))


def test_sigterm_is_left_alone_if_nobody_asks(js: Program, flavour: str) -> None:
    """Trap 40: with ``handle_sigint=False`` even ``wait()`` installs nothing."""
    program = end_program(js, signal.SIGTERM, flavour, "wait", "no")
    assert program.process.returncode == -signal.SIGTERM
    assert reasons(program) == []
