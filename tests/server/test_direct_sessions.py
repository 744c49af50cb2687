"""Tests of sessions that are driven by calls, without the program that does so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import socketio
from socketio.packet import CONNECT, DISCONNECT, EVENT, Packet
from socketio.testing import TestClient


@pytest.fixture
def sio() -> Iterator[socketio.Server]:
    server = socketio.Server()
    yield server
    server.shutdown()


@pytest.fixture
def sent(sio: socketio.Server) -> list[tuple[str, Any]]:
    """What was sent to sessions that are driven by calls."""
    sent: list[tuple[str, Any]] = []
    sio._send_eio_packet = lambda eio_sid, packet: sent.append((eio_sid, packet.data))  # type: ignore[method-assign]  # programs do so
    return sent


def enter(sio: socketio.Server, eio_sid: str, namespace: str = "/") -> str:
    """Connect a session and return the client's id."""
    sio._handle_eio_connect(eio_sid, {"REMOTE_ADDR": eio_sid})
    sio._handle_eio_message(eio_sid, Packet(CONNECT, namespace=namespace).encode())
    sid = sio.manager.sid_from_eio_sid(eio_sid, namespace)
    assert sid is not None
    return sid


def test_handlers_have_run_on_return(sio: socketio.Server, sent: list[tuple[str, Any]]) -> None:
    reasons: list[str] = []
    sio.on("add", lambda sid, first, second: first + second)
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    sid = enter(sio, "one")
    assert sio.get_environ(sid) == {"REMOTE_ADDR": "one"}
    sio._handle_eio_message("one", Packet(EVENT, ["add", 1, 2], id=7).encode())
    sio.emit("news", {"a": b"\x00"}, to=sid)
    sio._handle_eio_message("one", Packet(DISCONNECT).encode())
    assert [data for _, data in sent] == [
        f'0{{"sid":"{sid}"}}',
        "37[3]",
        '51-["news",{"a":{"_placeholder":true,"num":0}}]',
        b"\x00",
    ]
    assert reasons == ["client disconnect"]


def test_several_sessions_and_namespaces(sio: socketio.Server, sent: list[tuple[str, Any]]) -> None:
    sio.on("x", lambda sid: None, namespace="/a")
    enter(sio, "one")
    there = enter(sio, "one", "/a")
    enter(sio, "two")
    sent.clear()
    sio.emit("all")
    sio.emit("there", to=there, namespace="/a")
    assert sent == [("one", '2["all"]'), ("two", '2["all"]'), ("one", '2/a,["there"]')]


def test_a_malformed_message_ends_the_session(
    sio: socketio.Server, sent: list[tuple[str, Any]]
) -> None:
    enter(sio, "one")
    sio._handle_eio_message("one", "9")
    assert sio.manager.sid_from_eio_sid("one", "/") is None
    with pytest.raises(KeyError):
        sio._handle_eio_message("one", Packet(EVENT, ["x"]).encode())


def test_what_handlers_raise_comes_out(
    sio: socketio.Server, sent: list[tuple[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    def fails(sid: str, *args: Any) -> None:
        raise LookupError(len(args))

    sio.on("chat", fails)
    sio.on("disconnect", fails)
    sio.on("connect", fails, namespace="/closed")
    enter(sio, "one")
    with pytest.raises(LookupError, match="3"):
        sio._handle_eio_message("one", Packet(EVENT, ["chat", 1, 2, 3], id=7).encode())
    with pytest.raises(LookupError, match="2"):
        enter(sio, "one", "/closed")
    sio._handle_eio_message("one", Packet(EVENT, ["other"]).encode())
    with pytest.raises(LookupError, match="1"):
        sio._handle_eio_message("one", Packet(DISCONNECT).encode())
    assert sent[1:] == [("one", '4/closed,{"message":"Internal server error"}')]
    assert sio.manager.sid_from_eio_sid("one", "/") is None
    assert caplog.records == []


def test_what_another_clients_disconnect_handler_raises_comes_out_where_it_began(
    sio: socketio.Server, sent: list[tuple[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    @sio.event
    def disconnect(sid: str) -> None:
        raise LookupError(sid)

    @sio.event
    def kick(_: str, sid: str) -> None:
        sio.disconnect(sid)

    enter(sio, "one")
    other = enter(sio, "other")
    with pytest.raises(LookupError, match=other):
        sio._handle_eio_message("one", Packet(EVENT, ["kick", other]).encode())
    # The other one may come again, and hears nothing of that.
    other = enter(sio, "other")
    assert caplog.records == []
    # Here no message was handed over that could bring it to somebody.
    sio.disconnect(other)
    assert "disconnect handler of / failed" in caplog.text
    enter(sio, "other")


def test_what_the_disconnect_handler_of_a_broken_session_raises_comes_out(
    sio: socketio.Server, sent: list[tuple[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    @sio.event
    def disconnect(sid: str, reason: str) -> None:
        raise LookupError(reason)

    enter(sio, "one")
    with pytest.raises(LookupError, match="transport error"):
        sio._handle_eio_message("one", "9")
    assert "disconnect handler" not in caplog.text


def test_what_handlers_of_real_connections_raise_is_logged(
    sio: socketio.Server, caplog: pytest.LogCaptureFixture
) -> None:
    sio.on("connect", lambda sid, environ: 1 / 0)
    with pytest.raises(ConnectionRefusedError):
        TestClient(sio).connect()
    assert "connect handler of / failed" in caplog.text


def test_packets_can_be_sent_by_the_engines_id(
    sio: socketio.Server, sent: list[tuple[str, Any]]
) -> None:
    enter(sio, "one")
    sent.clear()
    sio._send_packet("one", Packet(EVENT, ["x", b"\x01"]))
    assert [data for _, data in sent] == ['51-["x",{"_placeholder":true,"num":0}]', b"\x01"]


def test_without_a_receiver_packets_are_dropped(sio: socketio.Server) -> None:
    sid = enter(sio, "one")
    sio.emit("x", to=sid)
    sio._send_packet("one", Packet(EVENT, ["x"]))
    sio._send_packet("nobody", Packet(EVENT, ["x"]))


def test_the_queue_of_flask_socketio_is_its_managers(sio: socketio.Server) -> None:
    """Flask-SocketIO hands its option on, but has made a manager of it before."""
    socketio.Server(message_queue=None).shutdown()
    socketio.Server(message_queue="memory://", client_manager=socketio.Manager()).shutdown()
    with pytest.raises(TypeError, match="message_queue"):
        socketio.Server(message_queue="redis://")


class Dispatching(socketio.Namespace):
    """Calls its methods without a sid."""

    def trigger_event(self, event: str, *args: Any) -> Any:
        return getattr(self, f"on_{event}")(*args[1:2])

    def on_connect(self) -> None:
        raise AssertionError("not called so")

    def on_go(self) -> None:
        raise AssertionError("not called so")


def test_a_namespace_that_dispatches_itself_has_arguments_as_it_likes(sio: socketio.Server) -> None:
    sio.register_namespace(Dispatching("/"))
