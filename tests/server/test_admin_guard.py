"""How many guesses an address has."""

from __future__ import annotations

import pytest

from socketio.server.admin_guard import MAX_ADDRESSES, MAX_FAILURES, WINDOW, LoginGuard


def fail(guard: LoginGuard, address: str, now: float, times: int = MAX_FAILURES) -> None:
    for _ in range(times):
        guard.note_failure(address, now)


def test_an_address_is_shut_out_until_the_window_has_passed() -> None:
    guard = LoginGuard()
    fail(guard, "192.0.2.1", 100, MAX_FAILURES - 1)
    assert guard.admits("192.0.2.1", 100)
    guard.note_failure("192.0.2.1", 110)
    assert not guard.admits("192.0.2.1", 110)
    assert guard.admits("192.0.2.2", 110)
    assert not guard.admits("192.0.2.1", 99 + WINDOW)
    assert guard.admits("192.0.2.1", 100 + WINDOW)


def test_success_is_forgiven() -> None:
    guard = LoginGuard()
    fail(guard, "192.0.2.1", 0)
    guard.note_success("192.0.2.1")
    assert guard.admits("192.0.2.1", 0)
    guard.note_success("unknown")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
        ("unix:", "no address\n", False),
    ],
)
def test_an_ipv6_network_is_one_party(one: str, other: str, same: bool) -> None:
    guard = LoginGuard()
    fail(guard, one, 0)
    assert guard.admits(other, 0) is not same


def test_what_is_remembered_is_bounded() -> None:
    guard = LoginGuard()
    fail(guard, "first", 0)
    for number in range(MAX_ADDRESSES):
        guard.note_failure(str(number), 0)
    assert guard.admits("first", 0)
    assert len(guard._failures) == MAX_ADDRESSES
