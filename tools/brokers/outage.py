"""Counts what an outage of the broker costs: two servers, 100 clients, 200 emits per second.

``PYTHONPATH=tools python -m brokers.outage redis|rabbitmq|kafka|nats [--flavour sync]``
"""

from __future__ import annotations

import argparse
import itertools
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from socketio.plugins.registry import get_registry
from socketio.testing.contracts.cluster import Flavour, Node, wait_for

from .base import Broker
from .faulty import FaultyBroker, faulty
from .kafka_broker import KafkaBroker
from .nats_broker import NatsBroker
from .rabbitmq_broker import RabbitMQBroker
from .redis_brokers import RedisServer

BROKERS: dict[str, type[Broker]] = {
    kind.name: kind for kind in (RedisServer, RabbitMQBroker, KafkaBroker, NatsBroker)
}


@dataclass(frozen=True)
class Outcome:
    """What was counted."""

    emitted: int
    clients: int
    delivered: int
    lost: int
    repeated: int
    out_of_order: int
    dropped: int
    most_kept: int
    seconds_until_caught_up: float


def measure(
    broker: FaultyBroker,
    flavour: Flavour,
    clients: int = 100,
    rate: float = 200,
    before: float = 3,
    outage: float = 10,
    after: float = 5,
) -> Outcome:
    """Emit through an outage and count what each client got.

    Args:
        broker: It runs, and is stopped for a while.
        flavour: Of the servers.
        clients: How many there are on both servers together.
        rate: Emits per second, by both servers in turn.
        before: Seconds of emitting before the outage.
        outage: Seconds from the stop to the start of the broker.
        after: Seconds of emitting after it.
    """
    entry = get_registry().client_manager(broker.url, flavour)
    load: Any = entry.load_async if flavour == "async" else entry.load_sync
    channel = f"outage-{uuid.uuid4().hex}"
    nodes = [Node(flavour, lambda: load()(broker.url, channel=channel)) for _ in range(2)]
    try:
        everyone = [nodes[index % 2].client() for index in range(clients)]
        stop_at, start_at, end_at = before, before + outage, before + outage + after
        began = time.monotonic()
        number, stopped, started, most_kept = 0, False, False, 0
        while (elapsed := time.monotonic() - began) < end_at:
            if elapsed >= stop_at and not stopped:
                stopped = True
                broker.stop()
            if elapsed >= start_at and not started:
                started = True
                broker.start()
            kept = max(node.manager.health().outbox_messages for node in nodes)
            most_kept = max(most_kept, kept)
            due = int((time.monotonic() - began) * rate)
            while number < due:
                nodes[number % 2].emit("n", [number % 2, number])
                number += 1
            time.sleep(0.002)
        ended = time.monotonic()
        for node in nodes:
            wait_for(
                lambda node=node: node.manager.health().outbox_messages == 0,  # type: ignore[misc]  # mypy cannot type a default
                "an empty outbox",
                60,
            )
        for node in nodes:
            node.emit("end")
        caught_up = time.monotonic() - ended
        delivered = lost = repeated = out_of_order = 0
        for client in everyone:
            events = [*client.until("end", 60), *client.until("end", 60)]
            got = [tuple(event[1]) for event in events]
            counts = Counter(got)
            delivered += len(counts)
            lost += number - len(counts)
            repeated += sum(counts.values()) - len(counts)
            for sender in (0, 1):
                numbers = [each for source, each in got if source == sender]
                out_of_order += sum(a > b for a, b in itertools.pairwise(numbers))
        return Outcome(
            emitted=number,
            clients=clients,
            delivered=delivered,
            lost=lost,
            repeated=repeated,
            out_of_order=out_of_order,
            dropped=sum(node.manager.health().dropped for node in nodes),
            most_kept=most_kept,
            seconds_until_caught_up=round(caught_up, 2),
        )
    finally:
        for node in nodes:
            node.stop()


def main() -> None:
    """Measure one broker and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("broker", choices=BROKERS)
    parser.add_argument("--flavour", choices=("async", "sync"), default="async")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with faulty(BROKERS[options.broker]) as broker:
        print(
            options.broker,
            options.flavour,
            measure(broker, options.flavour, outage=options.seconds),
        )


if __name__ == "__main__":
    main()
