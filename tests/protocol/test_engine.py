"""Engine.IO packets, payloads, session states and heartbeats, without a socket or a clock."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.exceptions import ProtocolError
from socketio.protocol.engine import (
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PACKET_COST,
    PING,
    PONG,
    UPGRADE,
    EnginePacket,
    Heartbeats,
    SessionProtocol,
    SessionState,
    Signal,
    decode_packet,
    decode_payload,
    encode_payload,
)

text = st.text(st.characters(exclude_characters="\x1e", exclude_categories=["Cs"]))


@given(messages=st.lists(text | st.binary(), min_size=1))
def test_any_payload_round_trips(messages: list[str | bytes]) -> None:
    body = encode_payload([EnginePacket(MESSAGE, message) for message in messages])
    assert list(decode_payload(body)) == [(MESSAGE, message) for message in messages]


@given(body=st.text())
def test_no_payload_raises_anything_but_a_protocol_error(body: str) -> None:
    try:
        packets = list(decode_payload(body))
    except ProtocolError:
        return
    assert all(0 <= packet_type <= NOOP for packet_type, _ in packets)


def test_a_packet_is_encoded_per_wire_form() -> None:
    """Trap 14: polling wants base64, websocket wants raw, of the same packet."""
    packet = EnginePacket(MESSAGE, b"\x00\x01")
    assert packet.polling == "bAAE="
    assert packet.websocket == b"\x00\x01"
    assert packet.polling == "bAAE="
    assert packet.packet_type == MESSAGE
    assert EnginePacket(MESSAGE, "x").websocket == EnginePacket(MESSAGE, "x").polling == "4x"


@given(data=st.binary(max_size=400), line_end=st.sampled_from(["\n", "\r\n"]), ended=st.booleans())
def test_base64_may_be_broken_into_lines(data: bytes, line_end: str, ended: bool) -> None:
    """Java's and Android's client breaks it after 76 characters and ends the last line too."""
    text = b64encode(data).decode()
    lines = [text[start : start + 76] for start in range(0, len(text), 76)]
    encoded = "b" + line_end.join(lines) + line_end * ended
    assert list(decode_payload(f"{encoded}\x1e4x")) == [(MESSAGE, data), (MESSAGE, "x")]


@pytest.mark.parametrize(
    "encoded",
    [
        *("", "7", "x", "bAA", "bA$==", "b=", "b\u00e9", "b AAE="),
        *("bAA\n", "bA$==\n", "b\n=", "bAAE=\r", "bAAE=\nAAE=", "bAA\rE=", "bAAE=\t", "b\u00e9\n"),
    ],
)
def test_bad_packets_are_refused(encoded: str) -> None:
    with pytest.raises(ProtocolError):
        decode_packet(encoded)


def test_an_empty_binary_message_is_one() -> None:
    """Trap 47."""
    assert decode_packet("b") == (MESSAGE, b"")
    assert EnginePacket(MESSAGE, b"").polling == "b"


def test_only_messages_carry_binary_data() -> None:
    with pytest.raises(ValueError, match="PING"):
        EnginePacket(PING, b"x")


class TestSessionProtocol:
    def test_what_each_packet_means(self) -> None:
        session = SessionProtocol("sid", "polling")
        assert session.signal(MESSAGE) is Signal.MESSAGE
        assert session.signal(PONG) is Signal.PONG
        assert session.signal(CLOSE) is Signal.CLOSE
        assert session.signal(NOOP) is Signal.NOTHING

    @pytest.mark.parametrize("packet_type", [OPEN, PING, UPGRADE])
    def test_what_only_the_server_may_send(self, packet_type: int) -> None:
        """Trap 24: a client's ping is a protocol error."""
        with pytest.raises(ProtocolError):
            SessionProtocol("sid", "polling").signal(packet_type)

    def test_nothing_is_received_after_the_end(self) -> None:
        session = SessionProtocol("sid", "polling")
        assert session.close() is True
        assert session.close() is False
        assert session.signal(MESSAGE) is Signal.NOTHING
        assert session.signal(PING) is Signal.NOTHING

    def test_upgrade(self) -> None:
        session = SessionProtocol("sid", "polling")
        session.probe("websocket", ["websocket"])
        assert session.state is SessionState.UPGRADING
        session.upgraded("websocket")
        assert (session.state, session.transport_name) == (SessionState.OPEN, "websocket")

    def test_a_second_upgrade_is_refused(self) -> None:
        """Trap 52."""
        session = SessionProtocol("sid", "polling")
        session.probe("websocket", ["websocket"])
        with pytest.raises(ProtocolError, match="under way"):
            session.probe("websocket", ["websocket"])

    def test_an_upgrade_needs_a_probe_and_an_offer(self) -> None:
        session = SessionProtocol("sid", "polling")
        with pytest.raises(ProtocolError):
            session.upgraded("websocket")
        with pytest.raises(ProtocolError):
            session.probe("websocket", [])

    def test_a_failed_upgrade_leaves_the_session_as_it_was(self) -> None:
        """Trap 22."""
        session = SessionProtocol("sid", "polling")
        session.probe("websocket", ["websocket"])
        session.upgrade_failed()
        assert (session.state, session.transport_name) == (SessionState.OPEN, "polling")

    def test_the_outbox_counts_its_bytes(self) -> None:
        session = SessionProtocol("sid", "polling")
        for size in (10, 20, 30):
            session.enqueue(EnginePacket(MESSAGE, "x" * size))
        assert session.outbox_size == 63 + 3 * PACKET_COST
        assert [packet.size for packet in session.take_payload(35)] == [11, 21]
        assert session.outbox_size == 31 + PACKET_COST
        assert len(session.take_payload(1)) == 1
        assert session.outbox_size == 0


class TestHeartbeats:
    def test_ping_pong_and_silence(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=25, timeout=20)
        beats.add("a", now=0)
        beats.add("b", now=1)
        assert beats.next_deadline() == 25
        assert beats.due(24.9) == ([], [])
        assert beats.due(25) == (["a"], [])
        assert beats.due(26) == (["b"], [])
        beats.pong("a", now=27)
        assert beats.next_deadline() == 46
        assert beats.due(46) == ([], ["b"])
        assert beats.due(52) == (["a"], [])
        assert len(beats) == 1

    def test_a_pong_that_no_ping_asked_for_changes_nothing(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=25, timeout=20)
        beats.add("a", now=0)
        beats.pong("a", now=20)
        beats.pong("stranger", now=20)
        assert beats.next_deadline() == 25
        assert len(beats) == 1

    def test_a_late_ping_leaves_no_more_time_for_its_answer(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=0.3, timeout=0.2)
        beats.add("a", now=0)
        assert beats.due(0.315) == (["a"], [])
        assert not beats.overdue("a", 0.499)
        assert beats.next_deadline() == pytest.approx(0.5)
        assert beats.overdue("a", 0.501)
        assert beats.due(0.501) == ([], ["a"])
        assert not beats.overdue("a", 0.6)

    def test_a_process_that_stood_still_leaves_its_clients_time_for_an_answer(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=25, timeout=20)
        beats.add("a", now=0)
        assert beats.due(100) == (["a"], [])
        assert beats.next_deadline() == 105

    def test_pings_that_are_due_close_to_each_other_share_a_turn(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=25, timeout=20)
        for number in range(100):
            beats.add(f"{number}", now=number / 1000)
        turns = 0
        while (now := beats.next_deadline()) is not None and now < 30:
            assert beats.due(now)[1] == []
            turns += 1
        assert turns == 3

    def test_a_timer_that_goes_off_a_moment_early_waits_for_that_moment_only(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=25, timeout=20)
        beats.add("a", now=0)
        assert beats.due(24.999) == ([], [])
        assert beats.next_deadline() == 25

    def test_a_removed_session_is_forgotten_in_both_phases(self) -> None:
        beats: Heartbeats[str] = Heartbeats(interval=1, timeout=1)
        beats.add("a", now=0)
        beats.add("b", now=0)
        beats.remove("a")
        assert beats.due(1) == (["b"], [])
        beats.remove("b")
        assert beats.next_deadline() is None

    @given(
        steps=st.lists(
            st.tuples(st.sampled_from(["add", "pong", "remove", "due"]), st.integers(0, 5)),
            max_size=60,
        )
    )
    def test_deadlines_stay_in_order(self, steps: list[tuple[str, int]]) -> None:
        """The earliest deadline is the first one, whatever happens in whatever order."""
        beats: Heartbeats[int] = Heartbeats(interval=10, timeout=7)
        expected: dict[int, tuple[str, float]] = {}
        for now, (step, session) in enumerate(steps):
            if step == "add" and session not in expected:
                beats.add(session, now)
                expected[session] = ("ping", now + 10)
            elif step == "pong":
                beats.pong(session, now)
                if expected.get(session, ("", 0))[0] == "pong":
                    expected[session] = ("ping", now + 10)
            elif step == "remove":
                beats.remove(session)
                expected.pop(session, None)
            elif step == "due":
                to_ping, silent = beats.due(now)
                assert sorted(to_ping) == sorted(
                    s for s, (kind, at) in expected.items() if kind == "ping" and at <= now
                )
                assert sorted(silent) == sorted(
                    s for s, (kind, at) in expected.items() if kind == "pong" and at <= now
                )
                for one in to_ping:
                    # From when the ping was due, unless we are so late that nobody could answer.
                    expected[one] = ("pong", max(expected[one][1] + 7, now + 1.75))
                for one in silent:
                    del expected[one]
            deadlines = [at for _, at in expected.values()]
            assert beats.next_deadline() == (min(deadlines) if deadlines else None)
