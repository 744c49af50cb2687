"""Faults that advisories tell of in other implementations; the page lists the test of each."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

import socketio
from socketio.exceptions import ProtocolError
from socketio.protocol.engine import NOOP, decode_payload
from socketio.protocol.packets import Decoder, Packet
from socketio.testing import AsyncTestClient, TestClient

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "advisories.md"


def test_every_test_of_the_page_exists() -> None:
    named = re.findall(r"`(\S+\.py)::(\w+)`", PAGE.read_text())
    assert len(named) == PAGE.read_text().count("\n| ") - 1
    missing = [
        (path, test)
        for path, test in named
        if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_pongs_start_nothing() -> None:
    sio = socketio.Server()
    client = TestClient(sio)
    client.connect()
    before = threading.active_count()
    for _ in range(1000):
        client.send_raw("3")
    assert threading.active_count() <= before
    assert len(sio.eio.heartbeats) == 1
    client.drop()
    sio.shutdown()


async def test_pongs_are_not_kept() -> None:
    sio = socketio.AsyncServer()
    client = AsyncTestClient(sio)
    await client.connect()
    for _ in range(1000):
        client.send_raw("3")
    assert len(sio.eio.heartbeats) == 1
    client.drop()
    assert len(sio.eio.heartbeats) == 0
    await sio.shutdown()


@pytest.mark.timeout(20)  # in quadratic time it takes hours
def test_a_payload_of_many_packets_is_decoded_in_linear_time() -> None:
    packets = list(decode_payload("\x1e".join(["6"] * 500_000)))
    assert packets == [(NOOP, "")] * 500_000


@pytest.mark.timeout(20)  # in quadratic time it takes minutes
@pytest.mark.parametrize("packet_class", [Packet, Packet.with_json(json)])
@pytest.mark.parametrize("sign", ["", "-"])
def test_giant_integers_are_refused_at_once(packet_class: type[Packet], sign: str) -> None:
    with pytest.raises(ProtocolError, match="invalid JSON"):
        Decoder(packet_class).add(f'2["x",{sign}{"9" * 1_000_000}]')
