"""The msgpack serializer against what peers make up: keys, extensions, lengths."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from socketio.exceptions import ProtocolError
from socketio.protocol.msgpack_packet import LOOKED_THROUGH_FIRST, MsgPackPacket
from socketio.protocol.packets import Decoder


def message(*arguments: Any) -> bytes:
    encoded: bytes = msgpack.dumps({"type": 2, "nsp": "/", "data": ["x", *arguments]})
    return encoded


def received(encoded: bytes) -> Any:
    packet = Decoder(MsgPackPacket).add(encoded)
    assert packet is not None
    return packet.data[1:]


@pytest.mark.parametrize("beside", [None, b"binary"])
def test_keys_are_strings_as_in_javascript(beside: bytes | None) -> None:
    """Hashes of integers are no secret: a peer can choose keys that all collide."""
    keys: dict[Any, Any] = {1: "a", -(2**63): "b", 2**64 - 1: "c", 1.5: "d", "e": {2: 3}}
    keys.update({None: "f", False: "g"})
    (value, other) = received(message(keys, beside))
    assert value == {
        "1": "a",
        "-9223372036854775808": "b",
        "18446744073709551615": "c",
        "1.5": "d",
        "e": {"2": 3},
        "null": "f",
        "false": "g",
    }
    assert other == beside
    assert received(MsgPackPacket(2, ["x", value], "/").encode()) == [value]


@pytest.mark.parametrize("key", [b"\xc4\x01a", b"\x91\x01", b"\x81\xa1a\x01", b"\xd4\x05\x01"])
def test_keys_that_are_no_strings_are_refused(key: bytes) -> None:
    with pytest.raises(ProtocolError, match="invalid msgpack"):
        received(message().replace(b"\x91\xa1x", b"\x92\xa1x\x81" + key + b"\x01"))


def test_undefined_is_none_wherever_it_stands() -> None:
    undefined = msgpack.ExtType(0, b"\0")
    assert received(message(undefined, {"a": [undefined]}, 1)) == [None, {"a": [None]}, 1]


def test_other_extensions_come_through_and_go_back() -> None:
    date = msgpack.ExtType(0, b"\0\0\1\x8a\0\0\0\0")  # of JavaScript
    stamp = msgpack.Timestamp(1, 2)
    value = received(message(date, [stamp]))
    assert value == [date, [stamp]]
    assert received(MsgPackPacket(2, ["x", *value], "/").encode()) == value


@pytest.mark.parametrize(
    "announcing",
    [
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc7\x0c\xff" + b"\xff" * 12,  # a time with more than 10**9 nanoseconds
        b"\xc1",
    ],
)
@pytest.mark.parametrize("size", [0, LOOKED_THROUGH_FIRST])
def test_more_than_there_is_is_refused(announcing: bytes, size: int) -> None:
    start = message()[:-3] + b"\x92\xa1x"
    with pytest.raises(ProtocolError, match="invalid msgpack"):
        received(start + announcing + b"\xc0" * size)


def test_lists_that_announce_more_than_there_is_are_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They would be made with all the room that they announce, in each other."""
    size = 500_000
    start = message()[:-3] + b"\x92\xa1x"
    hostile = (start + (b"\xdd" + size.to_bytes(4, "big")) * 200).ljust(size + 1000, b"\xc0")
    made = []
    loads = msgpack.loads
    monkeypatch.setattr(msgpack, "loads", lambda *a, **k: made.append(1) or loads(*a, **k))
    with pytest.raises(ProtocolError, match="invalid msgpack"):
        received(hostile)
    assert not made
