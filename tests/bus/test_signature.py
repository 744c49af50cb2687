"""Signed messages come out as they went in, and nothing else comes out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.bus.messages import BusMessageError
from socketio.bus.signature import Signer

SIGNER = Signer("secret", "channel")
MESSAGES = st.dictionaries(st.text(), st.text(), min_size=1).map(
    lambda members: json.dumps(members).encode()
)


@given(MESSAGES)
def test_a_signed_message_comes_out_as_it_went_in(message: bytes) -> None:
    signed = SIGNER.sign(message)
    assert SIGNER.verify(signed) == message
    assert SIGNER.verify(signed.decode()) == message
    assert json.loads(message).items() <= json.loads(signed).items()


@given(MESSAGES, st.data())
def test_a_changed_byte_is_noticed(message: bytes, data: st.DataObject) -> None:
    signed = bytearray(SIGNER.sign(message))
    signed[data.draw(st.integers(0, len(signed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BusMessageError, match=r"signed|signature"):
        SIGNER.verify(signed)


@given(st.one_of(st.binary(), st.text(), st.none(), st.dictionaries(st.text(), st.text())))
def test_whatever_comes_raises_nothing_else(received: object) -> None:
    with pytest.raises(BusMessageError):
        SIGNER.verify(received)


@pytest.mark.parametrize("other", [Signer("other", "channel"), Signer("secret", "other")])
def test_secret_and_channel_must_be_the_same(other: Signer) -> None:
    with pytest.raises(BusMessageError, match="wrong signature"):
        SIGNER.verify(other.sign(b"{}"))


def test_text_and_bytes_are_the_same_secret() -> None:
    assert Signer(b"secret", "channel").sign(b'{"a":1}') == SIGNER.sign(b'{"a":1}')


@pytest.mark.parametrize("secret", ["", b""])
def test_an_empty_secret_is_refused(secret: str | bytes) -> None:
    with pytest.raises(ValueError, match="empty"):
        Signer(secret, "channel")
