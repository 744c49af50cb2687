"""RabbitMQ confirms messages one by one, or several with one word."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_kombu.manager import _Confirmations


class Channel:
    """Says what RabbitMQ would, when the connection is drained."""

    def __init__(self, *said: tuple[int, bool]) -> None:
        self.events: dict[str, set[Any]] = {"basic_ack": set(), "basic_nack": set()}
        self._said = list(said)

    def confirm_select(self) -> None:
        pass

    def drain_events(self, timeout: float) -> None:
        if not self._said:
            raise TimeoutError("nothing more is said")
        for told in self.events["basic_ack"]:
            told(*self._said[0])
        del self._said[0]


@pytest.mark.parametrize(
    "said",
    [
        [(1, False), (2, False), (3, False)],
        [(3, True)],
        [(2, True), (3, False)],
        [(3, False), (2, True)],
        [(3, False), (1, False), (2, False)],
        [(2, False), (1, True), (3, True)],
    ],
)
def test_a_batch_is_confirmed_when_each_message_is(said: list[tuple[int, bool]]) -> None:
    for count in range(1, len(said)):
        channel = Channel(*said[:count])
        with pytest.raises(TimeoutError):
            _Confirmations(channel, channel).wait(3, 1)
    channel = Channel(*said)
    _Confirmations(channel, channel).wait(3, 1)
