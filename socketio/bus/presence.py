"""Who is there, who was heard, who is awaited and when one may publish (sans-I/O).

Processes see each other, and that their own way through the broker is open, by presence messages.
After connecting, each says a new word; whoever answers with it was subscribed when it was said.
What a process kept during an outage waits for those that were there before, or nobody would get
it; who was not there before is not waited for.

The time is passed in, in seconds of a clock that never goes back.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import Any

from .messages import PresenceMessage, presence_message

MAX_OTHERS = 10_000
"""How many other processes are remembered, and how many answers wait."""

SHORT_GAP = 1.0
"""Seconds from a loss to the next connection, the first attempt at it, that are no outage."""

SHORT_HOLD = 0.5
"""Seconds that what was kept waits after a short gap, at most."""

QUIET = 2.0
"""Seconds without a message until the loss of a connection that only writes may be its own affair.

A broker, or what stands before it, closes connections that are idle. One that was lost in use was
lost with those of the others, who may need longer than we do to be there again."""


class Silence(Exception):
    """Nothing was received for too long, not even our own messages."""


@dataclass(frozen=True, kw_only=True)
class PresenceTimes:
    """How patient a process is with others and with the broker, in seconds."""

    probe_interval: float
    """Between two messages that show whether the way through the broker is open."""

    probe_timeout: float
    """Without any message after such a one until the connection counts as dead."""

    others_timeout: float
    """That what was kept waits, at most, for the processes that were there before."""

    notice: float
    """That it takes to notice a loss, at most."""


class Presence:
    """What one process knows of the others of its channel; any thread may use it.

    Args:
        host_id: Who we are.
        times: How patient we are.
    """

    def __init__(self, host_id: str, times: PresenceTimes) -> None:
        self.host_id = host_id
        self._times = times
        self._lock = threading.Lock()
        self._word = ""
        """What the others answer with when they hear us on the connection that we have now."""
        self._others: dict[str, float] = {}
        """When each of the others was last heard."""
        self._awaited: set[str] = set()
        self._hold_until = 0.0
        self._to_answer: dict[str, None] = {}
        """The words that others said, in order, which our next reply answers."""
        self._asks_again = False
        """Whether our next reply says our word again, for somebody who may not have heard it."""
        self._reply_due = False
        self._heard_at = 0.0
        self._probed_at = 0.0
        self._probing = False
        self._sent_at = float("-inf")
        """When we published last, if nobody else would tell us that the way is open."""
        self._lost_at: float | None = None
        self._lost_silently = False

    # -- our own connection ---------------------------------------------------------------

    def connected(
        self,
        now: float,
        *,
        at_once: bool = True,
        receives: bool = True,
        keeps_messages: bool = False,
        keeps_subscriptions: bool = False,
    ) -> dict[str, Any]:
        """Note a new connection, and return the first message for it.

        Args:
            now: The time.
            at_once: Whether the first attempt after the loss succeeded: the broker was there.
            receives: Whether we hear the others on it.
            keeps_messages: Whether the others get later what they miss while they are away.
            keeps_subscriptions: Whether they do unless the broker itself was away.
        """
        with self._lock:
            self._word = uuid.uuid4().hex[:16]
            self._to_answer.clear()
            self._asks_again = self._reply_due = False
            self._awaited.clear()
            self._hold_until = 0.0
            self._heard_at = self._probed_at = now
            self._probing = True  # our own greeting comes back if the subscription works
            if self._lost_at is not None and not keeps_messages:
                gap = now - self._lost_at
                short = at_once and gap < SHORT_GAP
                if short and keeps_subscriptions and not self._lost_silently:
                    return presence_message(self.host_id, self._word)
                self._hold_until = self._hold(now, self._lost_at, short, receives)
            return presence_message(self.host_id, self._word)

    def _hold(self, now: float, lost_at: float, short: bool, receives: bool) -> float:
        """Return until when to wait for those who were there before the loss; 0 for not at all."""
        times = self._times
        # Where only our connection was closed, the others are there and answer at once; where all
        # were, they are as fast as we. Who does not answer soon has left without a word.
        soon = min(SHORT_HOLD, times.others_timeout)
        if not receives:
            # We cannot hear who is back: the others get the time that they need.
            short = short and lost_at - self._sent_at >= QUIET
            return now + (soon if short else times.others_timeout)
        # Nobody was heard for as long as it took to notice the loss.
        recent = lost_at - 3 * times.probe_interval - times.probe_timeout - times.notice
        self._awaited.update(node for node, when in self._others.items() if when > recent)
        # If this connection is lost at once, they are still the ones to wait for.
        self._others.update(dict.fromkeys(self._awaited, now))
        if not self._awaited:
            return 0.0
        return now + (soon if short and not self._lost_silently else times.others_timeout)

    def lost(self, now: float, *, silently: bool) -> None:
        """Note that the connection is lost.

        Args:
            now: The time.
            silently: Whether we had to find out by ourselves that nothing came through.
        """
        with self._lock:
            self._lost_at = now
            self._lost_silently = silently
            self._hold_until = 0.0

    def sent(self, now: float) -> None:
        """Note that the broker has taken a message, where nothing is received."""
        self._sent_at = now

    def held(self, now: float) -> float:
        """Return for how many seconds what was kept has to wait for others; 0 for not at all."""
        return max(0.0, self._hold_until - now) if self._hold_until else 0.0

    def farewell(self) -> dict[str, Any]:
        """Return the last message of a process that goes."""
        return presence_message(self.host_id, leaving=True)

    # -- what is received -----------------------------------------------------------------

    def heard(self, now: float) -> None:
        """Note that something was received."""
        self._heard_at = now

    def heard_ourselves(self) -> None:
        """Note that a message of our own came back: the way is open."""
        self._probing = False

    def probe(self, now: float, *, busy: bool = False) -> dict[str, Any] | None:
        """Return a message that shows whether the way is open, when it is time for one.

        Args:
            now: The time.
            busy: Whether something is being published, behind which that message waits.

        Raises:
            Silence: Nothing was received for too long.
        """
        times = self._times
        if not self._probing:
            if now - self._probed_at <= times.probe_interval:
                return None
            self._probed_at, self._probing = now, True
            return presence_message(self.host_id)
        if busy:
            self._probed_at = now  # what is being published has its own time
        silent = now - max(self._probed_at, self._heard_at)
        if silent > times.probe_timeout:
            raise Silence(
                f"silent: nothing was received for {silent:.1f} s, not even our own messages"
            )
        return None

    def note(self, message: PresenceMessage, now: float) -> bool:
        """Take a message of another process.

        Returns:
            Whether a reply has become due, for which nobody waits yet; see `reply`. It is best
            given a little later, so that many who come at once get one.
        """
        node = message.node
        if node is None:
            return False
        with self._lock:
            if message.leaving:
                self._others.pop(node, None)
                self._awaited.discard(node)
            elif len(self._others) < MAX_OTHERS or node in self._others:
                self._others[node] = now
            asks_again = False
            if self._word in message.answers:
                self._awaited.discard(node)
            elif node in self._awaited:
                asks_again = True  # it may be back now, or this is an old message
            if not self._awaited:
                self._hold_until = 0.0
            if message.asks is None and not asks_again:
                return False
            if message.asks is not None and len(self._to_answer) < MAX_OTHERS:
                self._to_answer[message.asks] = None
            self._asks_again = self._asks_again or asks_again
            due, self._reply_due = not self._reply_due, True
            return due

    def reply(self) -> dict[str, Any] | None:
        """Return the message that answers those who were heard since the last one, if any."""
        with self._lock:
            if not self._reply_due:
                return None
            self._reply_due = False
            answers, self._to_answer = list(self._to_answer), {}
            asks = self._word if self._asks_again else None
            self._asks_again = False
            return presence_message(self.host_id, asks, answers)

    @property
    def others(self) -> list[str]:
        """Who else is known."""
        with self._lock:
            return list(self._others)
