"""Recognises a message that the broker, or a publisher unsure of the first time, sends twice."""

from __future__ import annotations

from collections import OrderedDict

WINDOW = 4096
"""How far behind the newest message of a process a late one is still told from a repeated one."""

_FULL = (1 << WINDOW) - 1
_MAX_NODES = 1000


class DuplicateFilter:
    """Remembers which running numbers of each process have been seen (a data structure).

    Messages may overtake each other, as in a Kafka topic of several partitions. One that is older
    than the window is taken for new: better twice than never.
    """

    __slots__ = ("_nodes",)

    def __init__(self) -> None:
        # For each process the highest number, and a bit for each of the numbers below it.
        self._nodes: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def seen(self, node: str | None, seq: int | None) -> bool:
        """Note a message, and tell whether it was noted before.

        Args:
            node: The process that published it.
            seq: Its running number; a message without one is always new.
        """
        if node is None or seq is None:
            return False
        known = self._nodes.get(node)
        if known is None:
            self._nodes[node] = (seq, 1)
            if len(self._nodes) > _MAX_NODES:
                self._nodes.popitem(last=False)
            return False
        highest, bits = known
        if seq > highest:
            distance = seq - highest
            bits = (bits << distance | 1) & _FULL if distance < WINDOW else 1
            self._nodes[node] = (seq, bits)
            self._nodes.move_to_end(node)
            return False
        bit = highest - seq
        if bit >= WINDOW:
            return False
        if bits >> bit & 1:
            return True
        self._nodes[node] = (highest, bits | 1 << bit)
        return False
