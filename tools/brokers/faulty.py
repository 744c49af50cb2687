"""A private broker with a relay before it, as the fault tests of client managers need it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .base import Broker, free_port
from .kafka_broker import KafkaBroker
from .link import Link
from .redis_brokers import RedisSentinel
from .shared import private


class FaultyBroker:
    """A broker that tests stop, freeze, cut off and bring back.

    Args:
        broker: It runs.
        link: The relay that clients connect to.
    """

    def __init__(self, broker: Broker, link: Link) -> None:
        self.broker = broker
        self._link = link

    @property
    def url(self) -> str:
        """What a client manager is given: the way through the relay."""
        return self.broker.url.replace(f":{self.broker.port}", f":{self._link.port}")

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        self.broker.start()

    def stop(self) -> None:
        """Stop it in the clean way."""
        self.broker.stop()

    def pause(self) -> None:
        """Freeze it."""
        self.broker.pause()

    def resume(self) -> None:
        """Let it go on."""
        self.broker.resume()

    def cut(self) -> None:
        """Reset all connections to it."""
        self._link.cut()

    def refuse(self) -> None:
        """Reset all connections to it, and new ones."""
        self._link.refuse()

    def silence(self) -> None:
        """Carry nothing any more."""
        self._link.silence()

    def restore(self) -> None:
        """End `silence` and `refuse`."""
        self._link.restore()

    def mend(self) -> None:
        """Undo whatever a test has broken."""
        self._link.restore()
        self.broker.resume()
        self.broker.start()


@contextlib.contextmanager
def faulty(kind: type[Broker], **options: Any) -> Iterator[FaultyBroker]:
    """Start a private broker with a relay before it."""
    port = free_port()
    link = Link(port)
    if kind in (KafkaBroker, RedisSentinel):
        options["advertised_port"] = link.port  # it tells its clients where to go
    try:
        with private(kind, port=port, **options) as broker:
            yield FaultyBroker(broker, link)
    finally:
        link.close()
