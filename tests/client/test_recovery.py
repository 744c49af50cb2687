"""Tests of telling a recovery offset from an argument."""

from __future__ import annotations

import pytest

from socketio.client.recovery import is_offset

NOW = 1_760_000_000.0
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"


def encode(seconds: float) -> str:
    milliseconds, text = int(seconds * 1000), ""
    while milliseconds:
        milliseconds, digit = divmod(milliseconds, 64)
        text = ALPHABET[digit] + text
    return text


@pytest.mark.parametrize("suffix", ["", ".0", ".1Z"])
@pytest.mark.parametrize("difference", [0, -86400, 86400])
def test_offsets_are_recognised(suffix: str, difference: float) -> None:
    """Trap 15."""
    assert is_offset(encode(NOW + difference) + suffix, NOW)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Network",
        "message",
        "PPPPPPPP",
        encode(NOW) + ".",
        encode(NOW) + "!",
        encode(NOW - 30 * 86400),
        1760000000000,
        None,
        b"PPPPPPP",
        [encode(NOW)],
    ],
)
def test_arguments_are_not_mistaken_for_offsets(value: object) -> None:
    """Trap 15."""
    assert not is_offset(value, NOW)
