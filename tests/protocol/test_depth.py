"""How deeply values may be nested: what is accepted can be sent back, in every serializer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from socketio.exceptions import ProtocolError
from socketio.msgpack_packet import MsgPackPacket
from socketio.protocol import depth
from socketio.protocol.depth import MAX_DEPTH, check_sendable, too_deep
from socketio.protocol.packets import ACK, EVENT, Decoder, Packet, encode_messages

PACKET_CLASSES = [Packet, Packet.with_json(json), MsgPackPacket]


def nested(levels: int, kind: str, leaf: Any = 1) -> Any:
    """Return a value in so many lists or dicts."""
    value = leaf
    for level in range(levels):
        if kind == "lists" or (kind == "both" and level % 2):
            value = [value]
        else:
            value = {"a": value}
    return value


@pytest.mark.parametrize("fast", [True, False], ids=["orjson", "without"])
@pytest.mark.parametrize("leaf", [1, b"binary", {1: "no JSON"}, "\ud83d"])
@pytest.mark.parametrize("kind", ["lists", "dicts", "both"])
def test_levels_are_counted(
    kind: str, leaf: Any, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr(depth, "orjson", None)
    own = isinstance(leaf, dict)
    assert not too_deep(nested(MAX_DEPTH - own, kind, leaf))
    assert too_deep(nested(MAX_DEPTH - own + 1, kind, leaf))
    assert too_deep(nested(50_000, kind, leaf))
    assert not too_deep([nested(5, kind, leaf)] * 10_000)


@pytest.mark.parametrize("kind", ["lists", "dicts", "both"])
@pytest.mark.parametrize("leaf", [1, b"binary"])
@pytest.mark.parametrize("packet_type", [EVENT, ACK])
@pytest.mark.parametrize("packet_class", PACKET_CLASSES)
def test_both_directions_have_the_same_limit(
    packet_class: type[Packet], packet_type: int, kind: str, leaf: Any
) -> None:
    deepest = ["x", nested(MAX_DEPTH - 1, kind, leaf)]
    decoder = Decoder(packet_class)
    for message in encode_messages(packet_class(packet_type, deepest, "/", 1)):
        back = decoder.add(message)
    assert back is not None and back.data == deepest
    with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} levels"):
        packet_class(packet_type, ["x", [deepest]], "/", 1).encode()
    with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} levels"):
        packet_class.encode_event(["x", [deepest]], "/")


@pytest.mark.parametrize("head", ["2", "2/chat,", "251", "31"])
def test_texts_nested_too_deeply_are_refused(head: str) -> None:
    def text(levels: int) -> str:
        return f'{head}["x",{"[" * levels}{"]" * levels}]'

    def add(message: str) -> None:
        decoder = Decoder()
        if decoder.add_plain_event(message) is None:
            assert decoder.add(message) is not None

    add(text(MAX_DEPTH - 1))
    with pytest.raises(ProtocolError, match="levels"):
        add(text(MAX_DEPTH))
    add(f'{head}["x","{"[" * 10_000}"]')  # brackets in a text are none


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"], ids=["lists", "dicts"])
def test_msgpack_nested_too_deeply_is_refused(opening: bytes) -> None:
    def message(levels: int) -> bytes:
        return b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1x" + opening * levels + b"\x01"

    Decoder(MsgPackPacket).add(message(MAX_DEPTH - 1))
    for levels in (MAX_DEPTH, 1000, 100_000):
        with pytest.raises(ProtocolError):
            Decoder(MsgPackPacket).add(message(levels))


def test_a_value_that_holds_itself_cannot_be_sent() -> None:
    circle: list[Any] = ["x"]
    circle.append(circle)
    for packet_class in PACKET_CLASSES:
        with pytest.raises(ValueError):
            packet_class(EVENT, circle, "/").encode()
    with pytest.raises(ValueError, match="flatten it"):
        check_sendable(circle)
