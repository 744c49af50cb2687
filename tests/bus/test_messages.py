"""Tests of the messages between processes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.bus import messages as bus
from socketio.protocol.json_codec import JSONCodec, ModuleCodec, StandardCodec, default_codec
from socketio.protocol.packets import arguments_of

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
    ),
    max_leaves=10,
)
sendable = st.recursive(
    json_values | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=10,
)


def through_the_bus(message: dict[str, Any]) -> bus.AnyMessage:
    return bus.interpret(bus.parse(bus.to_bytes(message, default_codec), default_codec))


def emit(data: Any, **changes: Any) -> dict[str, Any]:
    message = bus.emit_message("me", "x", data, "/", None, None, None)
    return {**message, **changes}


@given(st.lists(sendable, max_size=3))
def test_arguments_come_out_as_they_went_in(args: list[Any]) -> None:
    received = through_the_bus(emit(tuple(args)))
    assert isinstance(received, bus.EmitMessage)
    assert received.args == args


@given(sendable)
def test_data_comes_out_as_it_went_in(data: Any) -> None:
    received = through_the_bus(emit(data))
    assert isinstance(received, bus.EmitMessage)
    assert received.args == arguments_of(data)


def test_no_argument_of_another_program_is_no_argument_here() -> None:
    """Python-socketio publishes `[null]` for `emit('x')`, and so do we: it must read that."""
    published = emit(None)
    assert published["data"] == [None]
    assert "null" not in published
    received = through_the_bus(published)
    assert isinstance(received, bus.EmitMessage)
    assert received.args == []


@pytest.mark.parametrize("codec", [default_codec, StandardCodec(), ModuleCodec(json)])
def test_half_a_character_crosses_the_bus(codec: JSONCodec) -> None:
    half = "half \ud83d"
    emitted = bus.emit_message("me", half, ({half: [half]}, b"x"), "/", half, [half], None)
    answered = bus.callback_message("me", (half, "/", 1), "host", half, [half])
    moved = bus.client_message("me", "enter_room", half, "/", half)
    for message in (emitted, answered, moved):
        assert bus.parse(bus.to_bytes(message, codec), codec) == json.loads(json.dumps(message))


@given(st.binary() | st.text() | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_raises_nothing_else(raw: Any) -> None:
    with suppress(bus.BusMessageError):  # any other exception fails the test
        message = bus.interpret(bus.parse(raw, default_codec))
        assert isinstance(message, bus.BusMessage)


@given(
    st.sampled_from(sorted(bus._READERS)),
    st.dictionaries(
        st.sampled_from(
            [
                "event",
                "data",
                "binary",
                "namespace",
                "room",
                "skip_sid",
                "callback",
                "host_id",
                "sid",
                "id",
                "args",
                "seq",
                "client",
                "node",
                "leaving",
                "asks",
                "answers",
            ]
        ),
        json_values,
    ),
)
def test_members_of_any_type_raise_nothing_else(method: str, members: dict[str, Any]) -> None:
    with suppress(bus.BusMessageError):  # any other exception fails the test
        message = bus.interpret({**members, "method": method})
        assert isinstance(message, bus.BusMessage)


def test_emit_messages_are_those_of_python_socketio() -> None:
    message = bus.emit_message("me", "x", (1, b"\x00"), "/ns", ["r"], "s", ("r", "/ns", 7))
    assert message == {
        "method": "emit",
        "event": "x",
        "data": [[1, {"_placeholder": True, "num": 0}], "AA=="],
        "binary": True,
        "namespace": "/ns",
        "room": ["r"],
        "skip_sid": "s",
        "callback": ("r", "/ns", 7),
        "host_id": "me",
    }


def test_own_messages_are_known_by_how_they_begin() -> None:
    own = bus.own_prefix("me")
    assert bus.to_bytes(emit(1), default_codec).startswith(own)
    assert bus.to_bytes(bus.presence_message("me"), default_codec).startswith(own)
    assert bus.to_bytes(bus.client_message("me", "disconnect", "s", "/"), default_codec).startswith(
        own
    )
    assert bus.to_bytes(bus.close_room_message("me", "r", "/"), default_codec).startswith(own)
    other = bus.to_bytes(
        bus.emit_message("you", '{"host_id":"me"', 1, "/", None, None, None), default_codec
    )
    assert not other.startswith(own)
    # An answer is addressed to a process: it must get its own.
    answer = bus.callback_message("you", ("r", "/", 1), "me", "c", [1])
    assert not bus.to_bytes(answer, default_codec).startswith(own)


def test_callbacks_carry_who_answered() -> None:
    message = bus.callback_message("node", ("r", "/", 7), "host", "client", (b"1", 2))
    received = through_the_bus({**message, "seq": 3})
    assert isinstance(received, bus.CallbackMessage)
    assert (received.host_id, received.node, received.seq) == ("host", "node", 3)
    assert (received.room, received.id, received.client) == ("r", 7, "client")
    assert received.args == [b"1", 2]
    gone = through_the_bus(bus.callback_message("node", ("r", "/", 7), "host", "client", None))
    assert isinstance(gone, bus.CallbackMessage)
    assert gone.args is None


@pytest.mark.parametrize("raw", [b"\x80\x04\x95", b"\x80\x03}q\x00"])
def test_pickles_are_named(raw: bytes) -> None:
    """Trap 8."""
    with pytest.raises(bus.BusMessageError, match=r"5\.14"):
        bus.parse(raw, default_codec)
