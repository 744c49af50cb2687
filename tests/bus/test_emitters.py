"""Connections that managers of one process share: who comes while the last one goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from socketio._sync.emitter import Emitter, _Emitters, acquire
from socketio.bus.presence import PresenceTimes

TIMES = PresenceTimes(probe_interval=10, probe_timeout=5, others_timeout=10, notice=5)


class Link:
    """A link to no broker."""

    state = "idle"
    closed = False

    def close(self) -> None:
        self.closed = True


def take(key: str = "a channel of these tests") -> Emitter:
    return acquire(key, lambda runtime, receiver: Link(), TIMES)  # type: ignore[arg-type,return-value]  # all that is asked of it


@pytest.fixture(autouse=True)
def no_emitters_are_left() -> Iterator[None]:
    yield
    for emitter in list(_Emitters.open.values()):
        emitter.ended()


def test_who_comes_while_the_last_manager_leaves_gets_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emitter = take()
    taken: list[Emitter] = []
    thread = threading.Thread(target=lambda: taken.append(take()))
    give_back = Emitter._give_back

    def someone_comes(self: Any) -> bool:
        last = give_back(self)
        if not thread.ident:
            thread.start()
            thread.join(0.2)  # without a lock it is here by then
        return last

    monkeypatch.setattr(Emitter, "_give_back", someone_comes)
    emitter.leave()
    thread.join(10)
    assert emitter.link.closed  # type: ignore[attr-defined]  # a `Link` of ours
    assert taken != [emitter]
    assert not taken[0].link.closed  # type: ignore[attr-defined]  # the same


def test_who_comes_while_the_last_manager_is_collected_keeps_it() -> None:
    emitter = take()
    place_call = emitter._place.call

    def someone_comes(function: Any) -> bool:
        assert take() is emitter
        return place_call(function)

    emitter._place.call = someone_comes  # type: ignore[method-assign]  # between the two steps
    emitter.abandon()
    assert id(emitter) in _Emitters.open
    emitter._place.call = place_call  # type: ignore[method-assign]  # as it was
    emitter.abandon()
    assert id(emitter) not in _Emitters.open
