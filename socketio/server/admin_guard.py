"""Guesses at the credentials of the Admin UI: how many of them an address has (sans-I/O)."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict, deque
from typing import Final

MAX_FAILURES: Final = 10
"""Failures of one address within the window, after which not even the right credentials do."""

WINDOW: Final = 60.0
"""Seconds for which a failure counts."""

FAILURE_DELAY: Final = 1.0
"""Seconds until somebody hears that their credentials are wrong."""

MAX_ADDRESSES: Final = 10_000
"""How many addresses are remembered; of more, those are forgotten that have failed longest ago."""


class LoginGuard:
    """Counts failures by address; safe from any thread."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, address: str, now: float) -> bool:
        """Tell whether an address may try once more.

        Args:
            address: Where the request came from.
            now: The time in seconds.
        """
        with self._lock:
            times = self._failures.get(_network(address))
            if times is None:
                return True
            while times and times[0] <= now - WINDOW:
                times.popleft()
            return len(times) < MAX_FAILURES

    def note_failure(self, address: str, now: float) -> None:
        """Count a failure: at once, so that guesses side by side are not free."""
        with self._lock:
            network = _network(address)
            times = self._failures.setdefault(network, deque(maxlen=MAX_FAILURES))
            times.append(now)
            self._failures.move_to_end(network)
            while len(self._failures) > MAX_ADDRESSES:
                self._failures.popitem(last=False)

    def note_success(self, address: str) -> None:
        """Forget the failures of somebody who knew the credentials after all."""
        with self._lock:
            self._failures.pop(_network(address), None)


def _network(address: str) -> str:
    """Return what one party has: an IPv4 address, or the 64 bits of a network with IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
