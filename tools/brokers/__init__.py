"""Real message brokers on loopback, as processes that tests may stop, pause and kill.

``python tools/brokers.py up`` starts one of each on a fixed port of its own, below `.brokers/`.
A test that needs to break a broker starts a private one on a free port::

    with private(RedisServer) as broker:
        broker.pause()

Only the standard library is used; what is missing on the machine comes from Debian's packages,
Kafka from Maven Central's artifacts.
"""

from __future__ import annotations

from .amqp_gate import AMQPGate, home_node_is_down, without_transient_queues
from .base import Broker, BrokerError
from .faulty import FaultyBroker, faulty
from .kafka_broker import KafkaBroker
from .link import Link
from .nats_broker import NatsBroker
from .rabbitmq_broker import RabbitMQBroker
from .redis_brokers import RedisCluster, RedisFailover, RedisSentinel, RedisServer
from .shared import answers, private, shared_brokers, test_url

__all__ = [
    "AMQPGate",
    "Broker",
    "BrokerError",
    "FaultyBroker",
    "KafkaBroker",
    "Link",
    "NatsBroker",
    "RabbitMQBroker",
    "RedisCluster",
    "RedisFailover",
    "RedisSentinel",
    "RedisServer",
    "answers",
    "faulty",
    "home_node_is_down",
    "private",
    "shared_brokers",
    "test_url",
    "without_transient_queues",
]
