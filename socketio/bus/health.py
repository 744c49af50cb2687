"""How a client manager's connection to its broker is doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

HealthState: TypeAlias = Literal[
    "idle", "connecting", "connected", "disconnected", "failed", "closed"
]
"""`idle` before the start; `disconnected` while it tries again; `failed` while the broker refuses
it, which it asks again from time to time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerHealth:
    """What `manager.health()` returns: one moment's picture."""

    state: HealthState
    since: float
    """When it came into this state, as in `time.time()`."""

    url: str
    """Where the broker is, without the password."""

    last_error: str | None = None
    """What went wrong last, in the broker's or the client library's words."""

    connections: int = 0
    """How often a connection was established."""

    reconnects: int = 0
    """How often a connection was established again."""

    retries: int = 0
    """Attempts to connect that have failed, other than by a refusal."""

    refusals: int = 0
    """Attempts to connect that the broker has refused."""

    holds: int = 0
    """How often what was kept had to wait, after an outage, for other processes to be back."""

    held_since: float | None = None
    """Since when it waits for them now, as in `time.time()`; None if it does not."""

    published: int = 0
    """Messages that the broker has taken from us."""

    received: int = 0
    """Messages that other processes sent and we acted on."""

    dropped: int = 0
    """Messages that did not fit into the outbox, or that the broker will never take."""

    dropped_at: float | None = None
    """When the last of these was dropped, as in `time.time()`; None if none was."""

    malformed: int = 0
    """Messages that were ignored for their form."""

    duplicates: int = 0
    """Messages that came a second time and were ignored."""

    outbox_messages: int = 0
    """Messages that wait to be published."""

    outbox_bytes: int = 0
    """How many bytes they have."""

    others: int = 0
    """How many other processes have been heard on the channel and have not said that they go."""

    @property
    def ready(self) -> bool:
        """Whether what is emitted now reaches the other processes, if not at once then soon.

        So it is while the connection stands, and during an outage after that: what is emitted is
        kept then. It is not before the first connection, while the broker refuses us, and after
        the end.
        """
        return self.state == "connected" or (self.state == "disconnected" and self.connections > 0)
