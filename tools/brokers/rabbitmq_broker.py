"""RabbitMQ, from Debian's package, with a node, a port mapper and data of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .base import Broker, connect, free_port
from .certificates import Certificate
from .process import ServerProcess

# The package's own script, not the wrapper in /usr/sbin that changes the user.
_PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"


class RabbitMQBroker(Broker):
    """One RabbitMQ node and the Erlang port mapper that it registers with.

    Args:
        directory: Its data.
        port: Its port.
        certificate: It serves TLS, too, on `tls_port`.
        max_message_size: Bytes that a message may have; None for what is usual.
    """

    name: ClassVar[str] = "rabbitmq"
    programs: ClassVar[dict[str, tuple[str, ...]]] = {
        "epmd": ("erlang-base",),
        _PROGRAM: ("rabbitmq-server",),
    }
    start_seconds: ClassVar[float] = 90

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        certificate: Certificate | None = None,
        max_message_size: int | None = None,
    ) -> None:
        super().__init__(directory, port)
        self._settings = {"log.console.level": "warning", "heartbeat": "10"}
        if max_message_size is not None:
            self._settings["max_message_size"] = str(max_message_size)
        if certificate is not None:
            self.tls_port = free_port()
            self._settings |= {
                "listeners.ssl.default": f"127.0.0.1:{self.tls_port}",
                "ssl_options.cacertfile": str(certificate.authority),
                "ssl_options.certfile": str(certificate.chain),
                "ssl_options.keyfile": str(certificate.key),
                "ssl_options.verify": "verify_none",
                "ssl_options.fail_if_no_peer_cert": "false",
            }
        distribution_port = self.port + 1 if port else free_port()
        mapper_port = self.port + 2 if port else free_port()
        erlang = {
            "HOME": str(directory),  # the Erlang cookie is kept there
            "ERL_EPMD_PORT": str(mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._mapper = ServerProcess(
            "epmd",
            directory,
            ["epmd", "-address", "127.0.0.1", "-port", str(mapper_port)],
        )
        self._plugins = directory / "enabled_plugins"
        self._configuration = directory / "rabbitmq.conf"
        self._node = ServerProcess(
            "rabbitmq",
            directory,
            [_PROGRAM],
            {
                **erlang,
                "RUNNING_UNDER_SYSTEMD": "1",  # the script replaces itself with the node
                "RABBITMQ_NODENAME": f"socketio-{self.port}@localhost",
                "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODE_PORT": str(self.port),
                "RABBITMQ_DIST_PORT": str(distribution_port),
                "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
                "RABBITMQ_LOG_BASE": str(directory),
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_CONFIG_FILE": str(self._configuration),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._plugins),
                # Two schedulers, and no spinning while idle: the machine is shared.
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none "
                "-kernel inet_dist_use_interface {127,0,0,1}",
            },
        )

    @property
    def url(self) -> str:
        """Return what a client manager is given to reach it."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return [self._mapper, self._node]

    def bring(self) -> None:
        """Write the configuration; fetch what no Debian package has."""
        self._plugins.write_text("[].\n")
        self._configuration.write_text(
            "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        )

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        try:
            with connect(self.port) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                # A method frame on channel 0: Connection.Start.
                return connection.recv(3) == b"\x01\x00\x00"
        except OSError:
            return False
