"""Brokers of our own on loopback: private ports and folders, ended with the run."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.processes import LOAD_CORE, Process, ServerError, listen

START_DEADLINE = 90
"""Seconds for a broker to start; RabbitMQ boots a whole Erlang system."""


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
def redis() -> Iterator[str]:
    """Runs a Redis server; yields its URL.

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
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.stop(gently=True)


def _rabbitmq_program() -> str | None:
    # Debian's /usr/sbin/rabbitmq-server switches to the user rabbitmq, who may not use our folder
    inner = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(inner) if inner.exists() else shutil.which("rabbitmq-server")


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Runs a RabbitMQ node; yields its URL.

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
            "ERL_EPMD_PORT": str(epmd_port),  # an epmd of our own, which ends with our session
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        process = Process([program], core=LOAD_CORE, name="rabbitmq", environment=environment)
        try:
            _wait(port, process, "rabbitmq-server", b"AMQP\x00\x00\x09\x01", b"\x01")
            yield f"amqp://guest:guest@127.0.0.1:{port}/"
        finally:
            process.stop(gently=True)


BROKERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "redis": redis,
    "rabbitmq": rabbitmq,
}
