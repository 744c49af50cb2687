"""A publisher looks, from time to time, how far the subscribers are behind."""

from __future__ import annotations

from socketio_redis.pace import AHEAD, BEHIND, PATIENCE, Pace


def listing(*waiting: int) -> bytes:
    line = b"id=%d name= sub=1 omem=%d cmd=subscribe\n"
    return b"".join(line % each for each in enumerate(waiting))


def test_it_looks_once_in_a_while() -> None:
    pace = Pace()
    assert [pace.note([b"x" * (AHEAD // 2)]) for _ in range(5)] == [False, True] * 2 + [False]


def test_nobody_is_waited_for_who_keeps_up() -> None:
    pace = Pace()
    pace.note([b"x" * AHEAD])
    assert pace.wait(listing(0, 0, BEHIND), 1.0) == 0
    assert pace.wait(b"", 1.0) == 0


def test_who_catches_up_is_waited_for() -> None:
    pace = Pace()
    pace.note([b"x" * AHEAD])
    for step in range(10):
        assert pace.wait(listing(0, 2 * BEHIND - step), step * PATIENCE * 0.9) > 0
    assert pace.wait(listing(0, BEHIND), 10.0) == 0


def test_who_takes_nothing_is_not_waited_for_long() -> None:
    pace = Pace()
    for began in (1.0, 5.0):
        pace.note([b"x" * AHEAD])
        assert pace.wait(listing(2 * BEHIND), began) > 0
        assert pace.wait(listing(2 * BEHIND + 1), began + PATIENCE * 0.9) > 0
        assert pace.wait(listing(2 * BEHIND), began + PATIENCE) == 0


def test_a_server_that_does_not_tell_is_not_asked_again() -> None:
    pace = Pace()
    assert pace.note([b"x" * AHEAD])
    pace.give_up()
    assert not pace.note([b"x" * AHEAD])
