"""Tests of the outbox, the duplicate filter, the remote acks and what URLs may show."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio.bus import outbox as outbox_module
from socketio.bus import remote_acks as remote_acks_module
from socketio.bus.broker_url import without_password
from socketio.bus.duplicates import WINDOW, DuplicateFilter
from socketio.bus.outbox import Outbox
from socketio.bus.remote_acks import RemoteAcks


def test_outbox_keeps_order_until_publication_is_certain() -> None:
    outbox = Outbox(10, 100)
    for number in range(5):
        assert outbox.add(b"%d" % number)
    assert outbox.batch() == [b"0", b"1", b"2", b"3", b"4"]
    assert outbox.batch() == [b"0", b"1", b"2", b"3", b"4"]
    outbox.discard(2)
    assert outbox.batch() == [b"2", b"3", b"4"]
    assert (len(outbox), outbox.bytes, outbox.added, outbox.sent) == (3, 3, 5, 2)


def test_outbox_refuses_what_does_not_fit() -> None:
    outbox = Outbox(3, 10)
    assert [outbox.add(b"12345") for _ in range(3)] == [True, True, False]
    outbox.discard(1)
    assert [outbox.add(b"1"), outbox.add(b"1"), outbox.add(b"1")] == [True, True, False]
    assert outbox.dropped == 2
    assert outbox.batch() == [b"12345", b"1", b"1"]


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "BATCH_BYTES", 10)
    monkeypatch.setattr(outbox_module, "BATCH_MESSAGES", 3)
    outbox = Outbox(100, 1000)
    for size in (20, 4, 4, 4, 1, 1, 1, 1):
        outbox.add(b"x" * size)
    sizes = []
    while batch := outbox.batch():
        sizes.append([len(each) for each in batch])
        outbox.discard(len(batch))
    assert sizes == [[20], [4, 4], [4, 1, 1], [1, 1]]


@given(st.lists(st.integers(0, 300), max_size=200))
def test_each_number_is_new_once(numbers: list[int]) -> None:
    seen: set[int] = set()
    filter_ = DuplicateFilter()
    for number in numbers:
        assert filter_.seen("node", number) is (number in seen)
        seen.add(number)
    assert not filter_.seen("another node", 0)
    assert not filter_.seen("node", None)
    assert not filter_.seen(None, 0)


def test_a_jump_forgets_what_is_out_of_the_window() -> None:
    filter_ = DuplicateFilter()
    assert not filter_.seen("n", 1)
    assert not filter_.seen("n", 1 + 10 * WINDOW)
    assert filter_.seen("n", 1 + 10 * WINDOW)
    assert not filter_.seen("n", 1)  # too old to tell: better twice than never
    assert not filter_.seen("n", 10 * WINDOW)
    assert filter_.seen("n", 10 * WINDOW)


def test_the_filter_forgets_old_nodes() -> None:
    filter_ = DuplicateFilter()
    for number in range(5000):
        filter_.seen(f"n{number}", 1)
    assert len(filter_._nodes) == 1000
    assert filter_.seen("n4999", 1)


def callback(*args: Any) -> None: ...


def test_a_single_client_answers_once() -> None:
    acks = RemoteAcks()
    ack_id = acks.add(callback, "sid", "/", 0.0)
    assert acks.answer(ack_id, "sid", "/other", "sid", 1.0) is None
    assert acks.answer(ack_id, "other", "/", "other", 1.0) is None
    assert acks.answer(ack_id, "sid", "/", "sid", 1.0) is callback
    assert acks.answer(ack_id, "sid", "/", "sid", 1.0) is None
    assert len(acks) == 0


def test_a_room_answers_once_per_client() -> None:
    """Trap 33."""
    acks = RemoteAcks()
    ack_id = acks.add(callback, "room", "/", 0.0)
    answers = [acks.answer(ack_id, "room", "/", client, 1.0) for client in ("a", "b", "a")]
    assert answers == [callback, callback, None]
    assert acks.answer(ack_id, "room", "/", "c", remote_acks_module.MAX_AGE + 1) is None


def test_old_callbacks_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_acks_module, "MAX_PENDING", 3)
    acks = RemoteAcks()
    ids = [acks.add(callback, "r", "/", 0.0) for _ in range(5)]
    assert len(acks) == 3
    assert acks.answer(ids[0], "r", "/", "c", 0.0) is None
    assert acks.answer(ids[4], "r", "/", "c", 0.0) is callback
    acks.add(callback, "r", "/", 2 * remote_acks_module.MAX_AGE)
    assert len(acks) == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user:p@ss:word@host:1/0", "redis://user:***@host:1/0"),
        ("redis://:secret@host", "redis://:***@host"),
        ("redis+sentinel://u:secret@h1:1,h2:2/0/s", "redis+sentinel://u:***@h1:1,h2:2/0/s"),
        ("amqp://guest:secret@host:5672//", "amqp://guest:***@host:5672//"),
        ("unix:///run/redis.sock?db=1&password=secret", "unix:///run/redis.sock?db=1&password=***"),
        (["kafka://u:secret@a:1", "kafka://b:2"], "kafka://u:***@a:1,kafka://b:2"),
    ],
)
def test_passwords_are_not_shown(url: Any, shown: str) -> None:
    assert without_password(url) == shown


def test_half_a_full_outbox_is_high() -> None:
    outbox = Outbox(10, 100)
    for _ in range(5):
        outbox.add(b"1")
    assert not outbox.high
    outbox.add(b"1")
    assert outbox.high
    outbox.discard(3)
    assert not outbox.high
    outbox.add(b"x" * 50)
    assert outbox.high


def test_what_the_broker_never_takes_counts_as_dropped() -> None:
    outbox = Outbox(10, 100)
    outbox.add(b"1")
    outbox.add(b"2")
    outbox.discard(1, refused=True)
    assert (outbox.batch(), outbox.dropped, outbox.sent, outbox.bytes) == ([b"2"], 1, 1, 1)


def test_a_forgotten_callback_gets_no_answer() -> None:
    acks = RemoteAcks()
    given_up, waiting = object(), object()
    ids = [acks.add(each, "sid", "/", 0) for each in (given_up, given_up, waiting)]  # type: ignore[arg-type]  # never called
    acks.forget(given_up)  # type: ignore[arg-type]  # as above
    acks.forget(given_up)  # type: ignore[arg-type]  # as above
    assert [acks.answer(each, "sid", "/", "sid", 1) for each in ids] == [None, None, waiting]
    assert len(acks) == 0


def test_threads_share_no_ack_id() -> None:
    acks = RemoteAcks()
    ids: list[int] = []

    def add() -> None:
        ids.extend(acks.add(print, "sid", "/", 0) for _ in range(2000))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(set(ids)) == len(ids) == len(acks)
