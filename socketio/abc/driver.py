"""One connection of a client manager to its message broker: the seam of a new queue backend.

A driver is built for each attempt to connect and dropped at the first error: it neither reconnects
nor retries, and no state outlives it. It carries bytes and knows nothing of what they mean.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any


class MessageRefused(Exception):
    """Raised by `publish` when the broker will never take one of the messages, for its size.

    The supervisor drops and counts that message, and publishes the ones behind it.

    Args:
        index: Which of the messages; those before it have been published.
        reason: Why, in the broker's words.
    """

    def __init__(self, index: int, reason: object) -> None:
        super().__init__(f"{reason}")
        self.index = index


def refused_for_size(
    messages: Sequence[bytes], reason: object, pattern: re.Pattern[str]
) -> MessageRefused | None:
    """Return what to raise when the broker has refused a batch for the size of a message.

    Args:
        messages: The batch.
        reason: The broker's words.
        pattern: Finds in them how many bytes a message may have, as its first group.

    Returns:
        The refusal of the first message that is larger; None if the words say nothing of it.
    """
    found = pattern.search(str(reason))
    if found is None:
        return None
    limit = int(found[1])
    larger = (index for index, message in enumerate(messages) if len(message) > limit)
    index = next(larger, None)
    return None if index is None else MessageRefused(index, reason)


def sharing_key(*values: Any) -> Hashable | None:
    """Return what a manager's `connection_key` returns for the arguments of its drivers.

    Args:
        *values: The URL, the channel and what else tells one connection from another: texts,
            numbers, bytes, None, and lists or dicts of these.

    Returns:
        None if there is something else among them, such as a TLS context, of which nobody knows
        whether it equals another one.
    """
    try:
        return tuple(_plain(value) for value in values)
    except TypeError:
        return None


def _plain(value: Any) -> Hashable:
    if value is None or isinstance(value, str | bytes | int | float):
        return type(value), value  # True is no 1
    if isinstance(value, dict):
        return dict, tuple((name, _plain(value[name])) for name in sorted(value))
    if isinstance(value, list | tuple):
        return type(value), tuple(_plain(each) for each in value)
    raise TypeError(f"a {type(value).__name__} may be equal to nothing")


class BusDriver(ABC):
    """A connection to a broker and a subscription of one channel.

    `connect`, `publish`, `receive`, `subscribers` and `close` are coroutine methods in the asyncio
    flavour and block in the other one. They raise whatever the client library raises. At most one
    `publish` and one `receive` run at a time, but these two run beside each other, in different
    threads of the synchronous flavour.
    """

    timeout: float = 5.0
    """Seconds that `connect`, `publish` and `close` may take; set before `connect`.

    The asyncio flavour interrupts them after that; a synchronous driver gives it to its library.
    It is longer for a driver that comes after one which was too slow with what it had to publish.
    """

    keeps_messages: bool = False
    """Whether a driver that comes after this one receives what was published meanwhile.

    After an outage, the others wait for a subscriber to come back before they publish what they
    have kept; this makes that needless.
    """

    keeps_subscriptions: bool = False
    """Whether a subscription outlives its connection for as long as the broker runs.

    After a loss that the broker outlived, the others are then not waited for.
    """

    counts_subscribers: bool = False
    """Whether `subscribers` tells how many there are, and `publish` sets `reached`."""

    reached: int | None = None
    """How many subscribers the last message has reached, where the broker says so."""

    leaving: bool = False
    """Set before `close` when no driver comes after this one: what the broker keeps may go."""

    @abstractmethod
    def connect(self, receive: bool) -> Any:
        """Connect and subscribe; messages published from here on must reach `receive`.

        Args:
            receive: False for a manager that only writes: no subscription is needed.
        """

    @abstractmethod
    def publish(self, messages: list[bytes]) -> Any:
        """Publish messages in this order; return when the broker has taken them.

        Raises:
            MessageRefused: One of them is too large for the broker.
        """

    @abstractmethod
    def receive(self, timeout: float) -> Any:
        """Wait for the next messages of the channel, our own included.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            A list of bytes (or str), in order; empty when nothing came in time.
        """

    def subscribers(self) -> Any:
        """Return how many are subscribed to the channel now; asked if `counts_subscribers`.

        A process that only writes cannot hear who is back after an outage, but it can count.
        """
        raise NotImplementedError(f"{type(self).__name__} does not count subscribers")

    @abstractmethod
    def close(self) -> Any:
        """Let go of the connection, whatever state it is in; may be called twice."""

    def is_permanent(self, error: BaseException) -> bool:
        """Tell whether an error of `connect` is a refusal which a new attempt will not change.

        A wrong password and a missing topic are, a broker that is not running is not.

        Args:
            error: What `connect` raised.
        """
        return False
