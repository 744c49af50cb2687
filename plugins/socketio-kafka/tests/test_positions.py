"""A manager that was cut off reads on where it was, however long that took."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
from brokers import answers, test_url

from socketio import AsyncKafkaManager, KafkaManager
from socketio.testing.contracts.cluster import Flavour, Node, RecordingHandler
from socketio_kafka.servers import Positions

MANAGERS: dict[Flavour, Any] = {"async": AsyncKafkaManager, "sync": KafkaManager}


@pytest.fixture
def log() -> RecordingHandler:
    return RecordingHandler()


def start(positions: Positions, log: RecordingHandler, partition: int, begin: int, end: int) -> int:
    logger = logging.Logger("positions")  # noqa: LOG001  # its own, whatever logging is set up
    logger.addHandler(log)
    return positions.start(partition, begin, end, "topic", logger)


def test_who_comes_anew_gets_what_comes(log: RecordingHandler) -> None:
    assert start(Positions(), log, 0, 5, 9) == 9
    assert not log.messages()


def test_who_comes_back_misses_nothing(log: RecordingHandler) -> None:
    positions = Positions()
    assert start(positions, log, 0, 5, 9) == 9
    assert start(positions, log, 0, 5, 9) == 9  # nothing was read, and nothing came
    assert start(positions, log, 0, 5, 12) == 9
    positions.note(0, 11)
    assert start(positions, log, 0, 5, 20) == 12
    assert start(positions, log, 1, 0, 3) == 0  # a partition that came into being meanwhile
    assert log.messages()[-1] == "8 messages of the Kafka topic 'topic' are made up for"


@pytest.mark.parametrize(
    ("begin", "end", "expected", "said"),
    [(20, 25, 20, "8 messages of the Kafka topic 'topic' are missed"), (0, 4, 4, "made anew")],
)
def test_what_is_missed_is_logged(
    log: RecordingHandler, begin: int, end: int, expected: int, said: str
) -> None:
    positions = Positions()
    start(positions, log, 0, 0, 11)
    positions.note(0, 11)
    assert start(positions, log, 0, begin, end) == expected
    assert said in log.messages()[-1]


@pytest.mark.parametrize("flavour", MANAGERS)
def test_a_long_cut_loses_nothing(flavour: Flavour, need: Any) -> None:
    """A driver that comes long after the one before it finds what was published meanwhile."""
    need("kafka", answers("kafka"), "make brokers")
    channel = f"cut-{uuid.uuid4().hex}"

    def create() -> Any:
        return MANAGERS[flavour](test_url("kafka"), channel=channel)

    here, away = Node(flavour, create), Node(flavour, create)
    try:
        here.client()
        manager = away.run(create)  # the others read for themselves
        first, second = (away.run(manager.create_driver) for _ in range(2))
        away.run(first.connect, True)
        away.run(first.close)
        for number in range(3):
            here.emit("n", number)
        assert len(here.fence([away.client()])) == 1  # Kafka has them
        away.run(second.connect, True)
        got: list[bytes] = []
        while sum(b'"n"' in each for each in got) < 3:
            came = away.run(second.receive, 5.0)
            assert came, got
            got += came
        away.run(second.close)
    finally:
        here.stop()
        away.stop()
