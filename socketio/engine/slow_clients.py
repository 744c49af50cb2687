"""What becomes of events for clients that do not take them, and what was counted of that.

Plain data: nothing here waits or sends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..protocol.engine import EnginePacket

KEPT_SHARE: Final = 0.75
"""How much of the bound is left when old events are dropped: to drop one at a time would mean to
go through all that waits each time."""


@dataclass(slots=True, kw_only=True)
class FlowCounts:
    """What was counted on a server since its start."""

    waits: int = 0
    """How often an emit, or an ack, waited for the client that it goes to."""
    turns: int = 0
    """How often an emit to others gave the connections a turn."""
    stalled: int = 0
    """Clients that were closed because they took nothing for `stall_timeout` seconds."""
    overflowed: int = 0
    """Clients that were closed because more than `max_outbox_size` bytes waited for them."""
    drop_new: int = 0
    """Events that were dropped by `slow_client_policy='drop_new'`."""
    drop_old: int = 0
    """Events that were dropped by `slow_client_policy='drop_old'`."""
    latest: int = 0
    """Events that were dropped by `slow_client_policy='latest'`."""


class Pressed(set[Any]):
    """The sessions whose outboxes stand above the high-water mark, until half of it is left.

    Whoever sends asks at each event whether there are any. So servers keep this very object: to
    ask an engine for it costs more, as its attributes are options.
    """

    __slots__ = ("drops_events",)

    drops_events: bool
    """Whether events may be dropped, and so are to be known among what waits."""


class Group:
    """Packets that leave together or not at all: an event with its attachments, or one packet."""

    __slots__ = ("event", "packets", "size")

    def __init__(self, packet: EnginePacket) -> None:
        self.packets = [packet]
        self.size = packet.cost
        self.event: str | None = None
        """The name of an event that may be dropped; None: it may not."""

    def add(self, packet: EnginePacket) -> None:
        """Add an attachment."""
        self.packets.append(packet)
        self.size += packet.cost


def group(outbox: Iterable[EnginePacket]) -> list[Group]:
    """Return what waits as groups, in order.

    Attachments of an event that has begun to leave stand first, and are kept.
    """
    groups: list[Group] = []
    missing = 0
    for packet in outbox:
        if missing:
            groups[-1].add(packet)
            missing -= 1
            continue
        groups.append(Group(packet))
        event = getattr(packet, "event", None)
        if event is not None:
            groups[-1].event, parts = event
            missing = parts - 1
    if missing:
        groups[-1].event = None  # its other part is not there: it is about to come
    return groups


def drop_events(
    policy: str, outbox: deque[EnginePacket], size: int, bound: float
) -> tuple[deque[EnginePacket], int, int]:
    """Drop events until no more than a bound waits, or no event is left that may be dropped.

    Args:
        policy: `'drop_new'`, `'drop_old'` or `'latest'`.
        outbox: What waits; it may be changed.
        size: The bytes that it takes.
        bound: How many these may be.

    Returns:
        What waits now, the bytes that it takes, and how many events were dropped.
    """
    if policy == "drop_new":
        return _drop_new(outbox, size, bound)
    groups = group(outbox)
    dropped = 0
    if policy == "latest":
        named: set[str] = set()
        kept: list[Group] = []
        for one in reversed(groups):
            if one.event is None or one.event not in named:
                kept.append(one)
                if one.event is not None:
                    named.add(one.event)
            else:
                size -= one.size
                dropped += 1
        groups = kept[::-1]
    if size > bound * (KEPT_SHARE if policy == "drop_old" else 1):
        # Of the events that are each the latest of its name, the oldest go, too.
        left: list[Group] = []
        droppable = sum(one.event is not None for one in groups)
        for one in groups:
            # The very last event is what is being sent: it stays.
            if one.event is not None and size > bound * KEPT_SHARE and droppable > 1:
                size -= one.size
                dropped += 1
                droppable -= 1
            else:
                left.append(one)
        groups = left
    return deque(packet for one in groups for packet in one.packets), size, dropped


def _drop_new(
    outbox: deque[EnginePacket], size: int, bound: float
) -> tuple[deque[EnginePacket], int, int]:
    """Drop the newest events; what must stay and came after them keeps its place."""
    behind: list[EnginePacket] = []
    dropped = 0
    while outbox and size > bound:
        packet = outbox.pop()
        behind.append(packet)
        event = getattr(packet, "event", None)
        if event is not None and event[1] <= len(behind):
            parts = event[1]
            size -= sum(part.cost for part in behind[-parts:])
            del behind[-parts:]
            dropped += 1
    outbox.extend(reversed(behind))
    return outbox, size, dropped
