"""The brokers that all tests share, on fixed ports, and private ones on free ports."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from .base import Broker
from .kafka_broker import KafkaBroker
from .nats_broker import NatsBroker
from .rabbitmq_broker import RabbitMQBroker
from .redis_brokers import RedisCluster, RedisSentinel, RedisServer

ROOT = Path(__file__).resolve().parents[2] / ".brokers"
"""Everything that brokers write; ignored by git."""

PORTS: dict[type[Broker], int] = {
    RedisServer: 16379,
    RedisSentinel: 16380,  # and 16381
    RedisCluster: 16390,  # to 16392, and their buses on 16490 to 16492
    RabbitMQBroker: 15673,  # to 15675
    KafkaBroker: 19092,  # and 19093
    NatsBroker: 14222,
}
"""The first port of each shared broker: beside the default ports, below the ephemeral ones."""

VARIABLES = {
    "redis": "SOCKETIO_TEST_REDIS",
    "redis-sentinel": "SOCKETIO_TEST_REDIS_SENTINEL",
    "redis-cluster": "SOCKETIO_TEST_REDIS_CLUSTER",
    "rabbitmq": "SOCKETIO_TEST_AMQP",
    "kafka": "SOCKETIO_TEST_KAFKA",
    "nats": "SOCKETIO_TEST_NATS",
}
"""The environment variables that name another broker than the shared one of this machine."""

URLS = {
    "redis": "redis://127.0.0.1:16379/0",
    "redis-sentinel": f"redis+sentinel://127.0.0.1:16381/0/{RedisSentinel.service}",
    "redis-cluster": "redis+cluster://127.0.0.1:16390",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:15673//",
    "kafka": "kafka://127.0.0.1:19092",
    "nats": "nats://127.0.0.1:14222",
}
"""Where the shared brokers are; no broker has to be built to know it."""

_Each = TypeVar("_Each", bound=Broker)
_numbers = itertools.count(1)


def shared_brokers(names: list[str] | None = None) -> list[Broker]:
    """Return the shared brokers, all or those named; none is started by that."""
    return [
        kind(ROOT / kind.name, port)
        for kind, port in PORTS.items()
        if not names or kind.name in names
    ]


def test_url(name: str) -> str:
    """Return the URL that tests of a broker use."""
    return os.environ.get(VARIABLES[name]) or URLS[name]


def answers(name: str) -> bool:
    """Tell whether something listens where tests look for a broker."""
    address = re.search(r"(?:@|//)([^/@:,]+):(\d+)", test_url(name))
    if address is None:
        return True  # no host and port to look at
    try:
        with socket.create_connection((address[1], int(address[2])), 2):
            return True
    except OSError:
        return False


test_url.__test__ = False  # type: ignore[attr-defined]  # pytest takes its name for a test's


@contextlib.contextmanager
def private(kind: type[_Each], **options: Any) -> Iterator[_Each]:
    """Start a broker on free ports, for a test that breaks it; it is gone afterwards."""
    directory = ROOT / f"private-{os.getpid()}-{next(_numbers)}-{kind.name}"
    broker = kind(directory, **options)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(directory, ignore_errors=True)


def stop_abandoned() -> list[str]:
    """End private brokers whose test run has died, and return their names."""
    ended = []
    for directory in ROOT.glob("private-*"):
        owner = int(directory.name.split("-")[1])
        if Path(f"/proc/{owner}").exists():
            continue
        for pid_file in directory.rglob("*.pid"):
            _end(pid_file)
        shutil.rmtree(directory, ignore_errors=True)
        ended.append(directory.name)
    return ended


def _end(pid_file: Path) -> None:
    from .process import ServerProcess

    ServerProcess(pid_file.stem, pid_file.parent, []).stop(seconds=5)
