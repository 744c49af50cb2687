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

    reconnects: int = 0
    """How often a connection was established again."""

    published: int = 0
    """Messages that the broker has taken from us."""

    received: int = 0
    """Messages that other processes sent and we acted on."""

    dropped: int = 0
    """Messages that did not fit into the outbox, or that the broker will never take."""

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
