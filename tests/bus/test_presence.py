"""Who is there, who is awaited and when one may publish, without a broker and without waiting."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from socketio.bus import presence as presence_module
from socketio.bus.messages import PresenceMessage, interpret
from socketio.bus.presence import QUIET, SHORT_GAP, SHORT_HOLD, Presence, PresenceTimes, Silence

TIMES = PresenceTimes(probe_interval=10, probe_timeout=5, others_timeout=10, notice=5)


def read(message: dict[str, Any]) -> PresenceMessage:
    interpreted = interpret(message)
    assert isinstance(interpreted, PresenceMessage)
    return interpreted


class Cluster:
    """Processes that hear each other at once."""

    def __init__(self, *names: str) -> None:
        self.now = 100.0
        self.members = {name: Presence(name, TIMES) for name in names}
        self.subscribed: set[str] = set()
        for name in names:
            self.connect(name)

    def connect(self, name: str) -> None:
        self.subscribed.add(name)
        self.say(name, self.members[name].connected(self.now))

    def say(self, speaker: str, message: dict[str, Any]) -> None:
        due = [
            name
            for name, member in self.members.items()
            if name != speaker and name in self.subscribed and member.note(read(message), self.now)
        ]
        for name in due:
            reply = self.members[name].reply()
            assert reply is not None
            self.say(name, reply)


def test_those_who_come_later_are_known_at_once() -> None:
    cluster = Cluster("a", "b", "c")
    assert {name: set(each.others) for name, each in cluster.members.items()} == {
        "a": {"b", "c"},
        "b": {"a", "c"},
        "c": {"a", "b"},
    }
    assert [each.held(cluster.now) for each in cluster.members.values()] == [0, 0, 0]


def test_after_an_outage_what_was_kept_waits_for_those_who_were_there() -> None:
    cluster = Cluster("a", "b", "c")
    for member in cluster.members.values():
        member.lost(cluster.now, silently=False)
    cluster.subscribed = {"a"}
    cluster.now += 3
    a = cluster.members["a"]
    a.connected(cluster.now)  # nobody hears it
    assert a.held(cluster.now) == TIMES.others_timeout
    cluster.connect("b")
    assert a.held(cluster.now) > 0
    cluster.connect("c")
    assert a.held(cluster.now) == 0


def test_nobody_is_awaited_for_ever() -> None:
    cluster = Cluster("a", "b")
    a = cluster.members["a"]
    a.lost(cluster.now, silently=False)
    a.connected(cluster.now + 3)
    assert a.held(cluster.now + 3 + TIMES.others_timeout) == 0


def test_who_has_left_is_not_awaited() -> None:
    cluster = Cluster("a", "b")
    a, b = cluster.members.values()
    a.lost(cluster.now, silently=False)
    a.connected(cluster.now + 3)
    a.note(read(b.farewell()), cluster.now + 4)
    assert (a.held(cluster.now + 4), a.others) == (0, [])


def test_who_was_not_heard_for_long_is_not_awaited() -> None:
    cluster = Cluster("a", "b")
    a = cluster.members["a"]
    a.lost(cluster.now + 1000, silently=False)
    a.connected(cluster.now + 1003)
    assert a.held(cluster.now + 1003) == 0


def test_who_misses_nothing_is_not_awaited() -> None:
    cluster = Cluster("a", "b")
    a = cluster.members["a"]
    a.lost(cluster.now, silently=False)
    a.connected(cluster.now + 3, keeps_messages=True)
    assert a.held(cluster.now + 3) == 0


@pytest.mark.parametrize(
    ("gap", "at_once", "silently", "hold"),
    [
        (SHORT_GAP / 2, True, False, SHORT_HOLD),
        (SHORT_GAP / 2, True, True, TIMES.others_timeout),
        (SHORT_GAP / 2, False, False, TIMES.others_timeout),
        (SHORT_GAP * 2, True, False, TIMES.others_timeout),
    ],
)
def test_a_closed_connection_is_no_outage(
    gap: float, at_once: bool, silently: bool, hold: float
) -> None:
    """A broker may close what was idle: whoever does not answer then has left without a word."""
    cluster = Cluster("a", "b")
    a = cluster.members["a"]
    a.lost(cluster.now, silently=silently)
    a.connected(cluster.now + gap, at_once=at_once)
    assert a.held(cluster.now + gap) == pytest.approx(hold)


@pytest.mark.parametrize("silently", [False, True])
def test_who_only_writes_waits_long_after_an_outage_only(silently: bool) -> None:
    writer = Presence("w", TIMES)
    writer.connected(0, receives=False)
    writer.lost(50, silently=silently)
    writer.connected(50 + SHORT_GAP / 2, receives=False)
    assert writer.held(50 + SHORT_GAP / 2) == pytest.approx(SHORT_HOLD)
    for now, at_once in ((63, True), (60.5, False)):
        writer.lost(60, silently=silently)
        writer.connected(now, at_once=at_once, receives=False)
        assert writer.held(now) == TIMES.others_timeout
        assert writer.held(now + TIMES.others_timeout) == 0


def test_who_only_writes_waits_long_when_it_was_cut_off_in_use() -> None:
    """Then the others were cut off as well, and may take longer to be there again."""
    writer = Presence("w", TIMES)
    writer.connected(0, receives=False)
    for idle, hold in ((QUIET - 0.1, TIMES.others_timeout), (QUIET, SHORT_HOLD)):
        writer.sent(50)
        writer.lost(50 + idle, silently=False)
        writer.connected(50 + idle, receives=False)
        assert writer.held(50 + idle) == pytest.approx(hold)


def test_old_messages_do_not_count_as_being_back() -> None:
    """A broker that was frozen may bring what was said long ago."""
    cluster = Cluster("a", "b")
    a, b = cluster.members.values()
    old = b.connected(cluster.now)
    a.lost(cluster.now, silently=True)
    a.connected(cluster.now + 3)
    assert a.note(read(old), cluster.now + 3)
    assert a.held(cluster.now + 3) > 0
    asking = a.reply()
    assert asking is not None
    assert read(asking).asks is not None, "it may be back now: it is asked again"
    assert b.note(read(asking), cluster.now + 4)
    answer = b.reply()
    assert answer is not None
    a.note(read(answer), cluster.now + 4)
    assert a.held(cluster.now + 4) == 0


def test_many_who_come_at_once_get_one_answer() -> None:
    a = Presence("a", TIMES)
    a.connected(0)
    greetings = [read(Presence(f"n{each}", TIMES).connected(0)) for each in range(5)]
    assert [a.note(each, 0) for each in greetings] == [True, False, False, False, False]
    reply = a.reply()
    assert reply is not None
    assert read(reply).answers == [each.asks for each in greetings]
    assert a.reply() is None
    assert a.note(greetings[0], 0), "the next one is answered again"


def test_the_way_is_probed_when_nothing_is_said() -> None:
    a = Presence("a", TIMES)
    a.connected(0)
    assert a.probe(1) is None, "the greeting is still under way"
    a.heard_ourselves()
    a.heard(1)
    assert a.probe(9) is None
    sign = a.probe(10.5)
    assert sign is not None
    assert read(sign).asks is None
    assert a.probe(15) is None
    with pytest.raises(Silence, match=r"nothing was received for 5\.5 s"):
        a.probe(16)


def test_what_others_say_is_no_silence() -> None:
    a = Presence("a", TIMES)
    a.connected(0)
    a.heard(4)
    assert a.probe(8) is None
    with pytest.raises(Silence):
        a.probe(9.5)


def test_no_more_are_remembered_than_there_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_module, "MAX_OTHERS", 3)
    a = Presence("a", TIMES)
    a.connected(0)
    for each in range(10):
        a.note(read(Presence(f"n{each}", TIMES).connected(0)), 0)
    reply = a.reply()
    assert reply is not None
    assert (len(a.others), len(read(reply).answers)) == (3, 3)


def test_threads_that_note_and_reply_forget_nobody() -> None:
    """A reply that is due and that nobody waits for would never be given."""
    a = Presence("a", TIMES)
    a.connected(0)
    asked, answered = [f"w{each}" for each in range(20_000)], set()
    due: list[bool] = []
    done = threading.Event()

    def note() -> None:
        for word in asked:
            message = PresenceMessage(node="b", seq=None, leaving=False, asks=word, answers=[])
            if a.note(message, 0):
                due.append(True)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        noting = threading.Thread(target=note)
        noting.start()
        while not done.is_set() or due:
            if due:
                due.pop()
                reply = a.reply()
                assert reply is not None
                answered.update(reply["answers"])
        noting.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(answered) == len(asked)
