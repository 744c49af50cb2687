"""The options of an engine as its attributes: read, assigned, refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

import socketio
from socketio.engine.config import EngineConfig
from socketio.engine.http import HTTPError
from socketio.engine.options import EngineOptions, Option
from socketio.protocol.engine import Heartbeats
from socketio.testing.memory import MemoryTransport

PYTHON_ENGINEIO = {
    "ping_timeout": 20,
    "ping_interval": 25,
    "ping_interval_grace_period": 0,
    "max_http_buffer_size": 1_000_000,
    "allow_upgrades": True,
    "http_compression": True,
    "compression_threshold": 1024,
    "cookie": None,
    "cors_allowed_origins": None,
    "cors_credentials": True,
    "async_handlers": True,
    "start_service_task": True,
    "transports": ["polling", "websocket"],
    "sockets": {},
}
"""What applications find there, and its value by default."""


@pytest.fixture(params=[socketio.Server, socketio.AsyncServer])
def sio(request: pytest.FixtureRequest) -> Any:
    return request.param()


def handshake(sio: Any, transport: str = "polling") -> dict[str, Any]:
    """Return what a client that comes now is told."""
    session = sio.eio.create_session(transport, {})
    answer: dict[str, Any] = json.loads(sio.eio.open_packet(session).data)
    return answer


def test_every_option_is_an_attribute() -> None:
    options = {name for name, each in vars(EngineOptions).items() if isinstance(each, Option)}
    assert EngineConfig.names() - {"async_mode", "async_handlers"} <= options


def test_what_applications_read(sio: Any) -> None:
    assert {name: getattr(sio.eio, name) for name in PYTHON_ENGINEIO} == PYTHON_ENGINEIO
    other = type(sio)(ping_interval=(5, 2), allow_upgrades=False, cookie="foo")
    assert (other.eio.ping_interval, other.eio.ping_interval_grace_period) == (5, 2)
    assert other.eio.allow_upgrades is False
    assert other.eio.cookie == "foo"


def test_what_applications_ask(sio: Any) -> None:
    assert sio.eio.is_asyncio_based() is isinstance(sio, socketio.AsyncServer)
    assert sio.eio.async_mode in sio.eio.async_modes()
    queue = sio.eio.create_queue()
    with pytest.raises(sio.eio.get_queue_empty_exception()):
        queue.get_nowait()


def test_assignments_hold_from_the_next_handshake_on(sio: Any) -> None:
    before = sio.eio.create_session("polling", {})
    sio.eio.ping_interval = 4
    sio.eio.ping_interval_grace_period = 0.5
    sio.eio.ping_timeout = 2
    sio.eio.max_http_buffer_size = 5000
    sio.eio.allow_upgrades = False
    told = handshake(sio)
    assert (told["pingInterval"], told["pingTimeout"], told["maxPayload"]) == (4500, 2000, 5000)
    assert told["upgrades"] == []
    told = json.loads(sio.eio.open_packet(before).data)
    assert (told["pingInterval"], told["maxPayload"]) == (25000, 1_000_000)
    sio.eio.ping_interval = (7, 3)
    assert handshake(sio)["pingInterval"] == 10_000
    sio.eio.ping_interval = 8
    assert sio.eio.ping_interval_grace_period == 3


def test_lists_are_assigned_and_not_changed_in_place(sio: Any) -> None:
    """A change in place would be seen by whoever reads the option, and hold for nobody."""
    eio = sio.eio
    eio.cors_allowed_origins = ["https://one.example"]
    for change in (
        lambda: eio.cors_allowed_origins.append("https://two.example"),
        lambda: eio.cors_allowed_origins.__setitem__(0, "*"),
        lambda: eio.transports.remove("polling"),
    ):
        with pytest.raises(TypeError, match="assign another one"):
            change()
    assert eio.cors_allowed_origins == ["https://one.example"]
    assert eio.transports == ["polling", "websocket"]
    eio.cors_allowed_origins += ["https://two.example"]
    assert eio.cors_allowed_origins == ["https://one.example", "https://two.example"]
    copied = copy.copy(eio.cors_allowed_origins)
    copied.append("https://three.example")  # somebody's own list
    eio.cors_allowed_origins = {"https://one.example"}
    with pytest.raises(AttributeError):
        eio.cors_allowed_origins.add("https://two.example")
    assert eio.cors_allowed_origins == {"https://one.example"}


def test_transports_can_be_narrowed_and_widened(sio: Any) -> None:
    sio.eio.transports = "websocket"
    assert sio.eio.transports == ["websocket"]
    with pytest.raises(HTTPError, match="Transport unknown"):
        sio.eio.transport_class("polling")
    sio.eio.transports = None
    assert sio.eio.transport_class("polling").name == "polling"
    sio.eio.transports = "websocket"
    with pytest.raises(HTTPError, match="Transport unknown"):
        sio.eio.transport_class("polling")
    sio.eio.transports = ["polling", "websocket"]
    assert sio.eio.transport_class("polling").name == "polling"
    with pytest.raises(socketio.PluginError, match="carrier-pigeon"):
        sio.eio.transports = ["carrier-pigeon"]
    assert sio.eio.transports == ["polling", "websocket"]


@pytest.mark.parametrize(
    ("name", "value", "error", "text"),
    [
        ("ping_interval", "25", TypeError, "ping_interval= needs a number"),
        ("ping_timeout", 0, ValueError, "ping_timeout= must be more than 0"),
        ("ping_interval_grace_period", -2, ValueError, "interval_grace"),
        ("max_http_buffer_size", -1, ValueError, "max_http_buffer_size"),
        ("cookie", 5, TypeError, "cookie="),
        ("cors_allowed_origins", 5, TypeError, "cors_allowed_origins="),
        ("transports", [], ValueError, "transports= is empty"),
    ],
)
def test_impossible_values_are_refused_as_by_the_constructor(
    sio: Any, name: str, value: Any, error: type[Exception], text: str
) -> None:
    before = getattr(sio.eio, name)
    with pytest.raises(error, match=text):
        setattr(sio.eio, name, value)
    assert getattr(sio.eio, name) == before


def test_what_does_not_exist_is_refused(sio: Any) -> None:
    with pytest.raises(AttributeError, match="'ping_intervall'; did you mean 'ping_interval'"):
        sio.eio.ping_intervall = 5
    with pytest.raises(AttributeError, match="'max_buffer_size'; did you mean"):
        assert sio.eio.max_buffer_size
    with pytest.raises(AttributeError, match=r"no attribute 'zzz'$"):
        sio.eio.zzz = 5
    with pytest.raises(AttributeError):
        sio.eio.async_mode = "threading"
    with pytest.raises(TypeError, match="no argument 'async_mode'"):
        sio.eio.configure(async_mode="threading")
    assert not hasattr(sio.eio, "_zzz")


def test_methods_may_be_replaced(sio: Any) -> None:
    sio.eio.generate_id = lambda: "mine"
    assert sio.eio.create_session("polling", {}).sid == "mine"


def test_a_session_keeps_the_size_that_its_client_was_told(sio: Any) -> None:
    sessions = []
    for limit in (1000, 10):
        sio.eio.max_http_buffer_size = limit
        session = sio.eio.create_session(MemoryTransport, {})
        session.transport = MemoryTransport(session)
        sio._begin(session)
        sessions.append(session)
    for session in sessions:
        session.receive("6" + "x" * 100)
    assert [session.ended for session in sessions] == [None, "transport error"]


def test_heartbeats_keep_the_times_under_which_they_began() -> None:
    beats: Heartbeats[str] = Heartbeats(interval=10, timeout=5)
    beats.add("old", 0)
    beats.add("gone", 0)
    beats.change(2, 1)
    beats.change(2, 1)
    beats.add("new", 0)
    assert (len(beats), beats.next_deadline()) == (3, 2)
    assert beats.due(2) == (["new"], [])
    assert beats.pong("new", 2.5) == 4.5
    beats.remove("new")
    beats.remove("gone")
    assert beats.next_deadline() == 10
    assert beats.due(10) == (["old"], [])
    assert beats.pong("old", 11) == 21
    assert beats.pong("nobody", 11) is None
    assert beats.due(21) == (["old"], [])
    assert beats.due(26) == ([], ["old"])
    beats.remove("old")
    assert (len(beats), beats.next_deadline()) == (0, None)


def test_an_answer_is_overdue_by_the_times_of_its_own_handshake() -> None:
    beats: Heartbeats[str] = Heartbeats(10, 4)
    beats.add("old", 0)
    beats.change(2, 1)
    beats.add("new", 8)
    assert beats.due(10) == (["new", "old"], [])
    assert [beats.overdue(name, 11) for name in ("old", "new")] == [False, True]
    assert [beats.overdue(name, 14) for name in ("old", "new")] == [True, True]
    beats.remove("old")
    assert not beats.overdue("old", 14)


def test_a_session_lingers_as_long_as_its_own_ping_timeout(
    sio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sio.eio.ping_timeout = 3
    session = sio.eio.create_session("polling", {})
    sio.eio.ping_timeout = 30
    waits: list[float] = []
    monkeypatch.setattr(
        type(sio.eio.runtime), "call_later", lambda self, seconds, *_: waits.append(seconds)
    )
    sio.eio.linger(session)
    assert waits == [3]
