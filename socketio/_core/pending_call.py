"""Who waits in a `call()` for the answer of the other side."""

from __future__ import annotations

import builtins

from ..abc.runtime import Waiter


class PendingCall:
    """Stands among the callbacks of acks for a `call()` that waits.

    Args:
        waiter: What waits; it gets the values of the answer.
    """

    __slots__ = ("waiter",)

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter

    def __call__(self, *args: object) -> None:
        self.waiter.set(args)

    def fail(self) -> None:
        """End the wait: the other side will never answer."""
        self.waiter.fail(builtins.TimeoutError("the client is gone, it will not answer"))
