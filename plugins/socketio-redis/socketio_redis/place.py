"""Whether a connection is still where the others are: the primary, or the cluster (sans-I/O).

A primary that is demoted, or cut off from its cluster, goes on taking messages, and its subscribers
hear nothing of the others. Usually whoever demotes it closes its connections; where they cannot, or
do not, we have to ask.
"""

from __future__ import annotations

from typing import Any

CHECK_SECONDS = 2.0
"""Seconds from one question to the next; it is asked before something is published."""


class Displaced(ConnectionError):
    """The server is not, or not any more, the one to be connected to."""


class Place:
    """What the questions to one server were answered with.

    Args:
        topology: That of the URL; see `Target`.
    """

    def __init__(self, topology: str) -> None:
        self.question: tuple[str, ...] = ("ROLE",)
        """The command that asks, and shows that the connection stands."""
        if topology == "cluster":
            self.question = ("CLUSTER", "INFO")
        self._topology = topology
        self._was_primary = False
        self._next = 0.0

    def due(self, now: float) -> bool:
        """Tell whether it is time to ask again."""
        if now < self._next:
            return False
        self._next = now + CHECK_SECONDS
        return True

    def cannot_ask(self) -> None:
        """Note that the server does not answer, or not us; from now on we only see that it does."""
        self.question = ("PING",)

    def check(self, answer: Any) -> None:
        """Look at what the server says.

        Raises:
            Displaced: It is in no cluster that works, or no primary any more.
        """
        if self.question == ("PING",):
            return
        if self._topology == "cluster":
            if b"cluster_state:ok" not in answer:
                raise Displaced("the Redis Cluster is not in the state ok")
            return
        primary = answer[0] == b"master"
        # Who connects to a replica on purpose may do so; a sentinel has told us of a primary.
        if not primary and (self._was_primary or self._topology == "sentinel"):
            raise Displaced("this Redis server is no primary any more, but a replica of another")
        self._was_primary = primary

    def check_address(self, ours: tuple[str, int], told: tuple[str, int]) -> None:
        """Compare where we are with where the sentinels say that the primary is.

        Raises:
            Displaced: They say something else.
        """
        if (ours[0], int(ours[1])) != (told[0], int(told[1])):
            raise Displaced(f"the sentinels say that the primary is {told[0]}:{told[1]} now")
