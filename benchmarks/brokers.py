"""Brokers of our own on loopback: private ports and folders, ended with the run."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import LOAD_CORE, Process, ServerError, listen

START_DEADLINE = 90
"""Seconds for a broker to start; RabbitMQ boots a whole Erlang system."""


@dataclass(frozen=True)
class Broker:
    """A broker that runs.

    Args:
        url: Where it listens.
        process: The program.
    """

    url: str
    process: Process


class NoBrokerError(Exception):
    """The broker is not on this machine; the message says how to install it."""


def _free_port() -> int:
    with listen() as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(port: int, process: Process, name: str, hello: bytes, answer: bytes) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if process.ended():
            raise ServerError(f"{name} ended at start:\n{process.tail()}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
                probe.sendall(hello)
                if probe.recv(64).startswith(answer):
                    return
        except OSError:
            pass  # not listening yet
        time.sleep(0.1)
    raise ServerError(f"{name} did not answer within {START_DEADLINE} s:\n{process.tail()}")


@contextmanager
def redis() -> Iterator[Broker]:
    """Runs a Redis server.

    Raises:
        NoBrokerError: It is not installed.
    """
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise NoBrokerError("not measured: no redis-server (apt-get install redis-server)")
    port = _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = Process([program, *options], core=LOAD_CORE, name="redis-server")
    try:
        _wait(port, process, "redis-server", b"PING\r\n", b"+PONG")
        yield Broker(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.stop(gently=True)


def _rabbitmq_program() -> str | None:
    # Debian's /usr/sbin/rabbitmq-server switches to the user rabbitmq, who may not use our folder
    inner = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(inner) if inner.exists() else shutil.which("rabbitmq-server")


_EPMD_NAMES = b"\x00\x01n"
"""Asks Erlang's port mapper for its nodes; it answers with its own port first."""


def _epmd_program() -> str:
    program = shutil.which("epmd")
    if program is None:
        raise NoBrokerError("not measured: no epmd beside rabbitmq-server (part of Erlang)")
    return program


@contextmanager
def rabbitmq() -> Iterator[Broker]:
    """Runs a RabbitMQ node.

    Raises:
        NoBrokerError: It is not installed.
    """
    program = _rabbitmq_program()
    if program is None:
        raise NoBrokerError("not measured: no rabbitmq-server (apt-get install rabbitmq-server)")
    port, epmd_port, distribution_port = _free_port(), _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="socketio-bench-") as folder:
        enabled = Path(folder, "enabled_plugins")
        enabled.write_text("[].\n")
        environment = {
            "HOME": folder,  # holds the Erlang cookie
            "RABBITMQ_NODENAME": f"bench{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_PID_FILE": str(Path(folder, "pid")),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(enabled),
            "RABBITMQ_CONFIG_FILE": str(Path(folder, "none")),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        # Erlang would start its port mapper as a daemon that outlives us, so it gets one of ours
        mapper = Process([_epmd_program()], core=LOAD_CORE, name="epmd", environment=environment)
        try:
            _wait(epmd_port, mapper, "epmd", _EPMD_NAMES, epmd_port.to_bytes(4, "big"))
            process = Process([program], core=LOAD_CORE, name="rabbitmq", environment=environment)
        except BaseException:
            mapper.stop()
            raise
        try:
            _wait(port, process, "rabbitmq-server", b"AMQP\x00\x00\x09\x01", b"\x01")
            yield Broker(f"amqp://guest:guest@127.0.0.1:{port}/", process)
        finally:
            process.stop(gently=True)
            mapper.stop()


BROKERS: dict[str, Callable[[], AbstractContextManager[Broker]]] = {
    "redis": redis,
    "rabbitmq": rabbitmq,
}
