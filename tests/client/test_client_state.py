"""Tests of the state machine's parts."""

from __future__ import annotations

import itertools

import pytest

from socketio.client import client_state
from socketio.client.client_state import (
    TRANSITIONS,
    Attempt,
    Backoff,
    ClientState,
    EarlyEvent,
    EarlyEvents,
)


def delays(backoff: Backoff, count: int) -> list[float]:
    return list(itertools.islice(backoff.delays(), count))


def test_delays_double_up_to_the_maximum() -> None:
    """Trap 36."""
    assert delays(Backoff(1, 5, 0, 0), 6) == [1, 2, 4, 5, 5, 5]


def test_a_first_delay_above_the_maximum_is_cut() -> None:
    assert delays(Backoff(10, 5, 0, 0), 2) == [5, 5]


def test_jitter_is_a_fraction_of_the_delay() -> None:
    """Trap 36."""
    for _ in range(50):
        for delay, middle in zip(
            delays(Backoff(1, 100, 0.5, 0), 6), (1, 2, 4, 8, 16, 32), strict=True
        ):
            assert middle * 0.5 <= delay <= middle * 1.5


def test_jitter_changes_the_delay_and_never_exceeds_the_maximum() -> None:
    seen = {delays(Backoff(4, 5, 1, 0), 1)[0] for _ in range(100)}
    assert len(seen) > 10
    assert all(0 <= delay <= 5 for delay in seen)


def test_a_tiny_delay_stays_tiny() -> None:
    """python-socketio adds up to half a second to any delay."""
    assert all(delay <= 0.015 for delay in delays(Backoff(0.01, 5, 0.5, 0), 1))


@pytest.mark.parametrize("attempts", [1, 3])
def test_the_attempts_end(attempts: int) -> None:
    assert len(list(Backoff(0, 0, 0, attempts).delays())) == attempts


def test_without_a_number_the_attempts_never_end() -> None:
    assert len(delays(Backoff(1, 5, 0.5, 0), 10_000)) == 10_000


def test_every_state_can_be_reached_and_left() -> None:
    """Trap 36: one state machine."""
    assert set(TRANSITIONS) == set(ClientState)
    assert set().union(*TRANSITIONS.values()) == set(ClientState)
    assert all(TRANSITIONS.values())


def test_an_attempt_succeeds_when_all_namespaces_accept() -> None:
    attempt = Attempt(["/", "/chat"])
    attempt.accepted.add("/")
    assert not attempt.answered
    attempt.accepted.add("/chat")
    assert attempt.answered
    assert attempt.succeeded


def test_an_attempt_with_a_refusal_says_why() -> None:
    attempt = Attempt(["/", "/chat"])
    attempt.accepted.add("/")
    attempt.refused["/chat"] = {"message": "no"}
    assert attempt.answered
    assert not attempt.succeeded
    assert attempt.explain() == "One or more namespaces failed to connect: /chat; /chat: no"


def test_an_attempt_whose_connection_is_lost_keeps_the_first_reason() -> None:
    attempt = Attempt(["/"])
    attempt.fail("first")
    attempt.fail("second")
    assert attempt.answered
    assert attempt.explain() == "first"


def test_an_attempt_without_an_answer_names_the_namespaces() -> None:
    attempt = Attempt(["/", "/chat"])
    attempt.accepted.add("/")
    assert "in time for the namespaces /chat" in attempt.explain()


def test_early_events_are_bounded_by_their_size_without_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_state, "MAX_EARLY_SIZE", 10)
    early = EarlyEvents()
    events = [EarlyEvent(name, None, [name]) for name in ("/a", "/b", "/a", "/a")]
    assert [early.keep(event, size) for event, size in zip(events, (4, 6, 1, 0), strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    assert early.dropped == 2
    assert early.take("/a") == events[:1]
    assert early.take("/a") == []
    early.clear()
    assert early.take("/b") == []


@pytest.mark.parametrize(
    ("accepted", "refused", "failure", "expected"),
    [
        (set(), {}, None, True),
        ({"/a"}, {}, None, False),
        (set(), {"/a": "no"}, None, False),
        ({"/b"}, {}, None, True),
        (set(), {}, "lost", False),
    ],
)
def test_which_answers_are_still_expected(
    accepted: set[str], refused: dict[str, str], failure: str | None, expected: bool
) -> None:
    attempt = Attempt(["/a", "/b"], accepted=accepted, refused=refused, failure=failure)
    assert attempt.expects("/a") is expected
    assert not attempt.expects("/c")
