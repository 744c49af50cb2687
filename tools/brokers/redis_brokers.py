"""Redis: a single server, a master watched by a sentinel, and a cluster of three masters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from .base import Broker, connect, free_port
from .certificates import Certificate
from .process import ServerProcess, wait_until

_OPTIONS = ("--save", "", "--appendonly", "no", "--daemonize", "no", "--bind", "127.0.0.1")
_SLOTS = 16384
_PROGRAMS: dict[str, tuple[str, ...]] = {"redis-server": ("redis-server",)}


def command(port: int, *words: str) -> str:
    """Send a Redis server one command and return the start of its answer, empty if none came."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    try:
        with connect(port) as connection:
            connection.sendall(request.encode())
            return connection.recv(4096).decode(errors="replace")
    except OSError:
        return ""


def _tls(certificate: Certificate, port: int) -> dict[str, str]:
    """Return the settings of a Redis process that serves TLS on a port beside its usual one."""
    return {
        "tls-port": str(port),
        "tls-cert-file": str(certificate.chain),
        "tls-key-file": str(certificate.key),
        "tls-ca-cert-file": str(certificate.authority),
        "tls-auth-clients": "no",
        "tls-replication": "yes",  # also how a sentinel looks at its master
    }


def _options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def _server(name: str, directory: Path, port: int, *options: str) -> ServerProcess:
    arguments = ["redis-server", "--port", str(port), *_OPTIONS, "--dir", str(directory), *options]
    return ServerProcess(name, directory, arguments)


class RedisServer(Broker):
    """One Redis server.

    Args:
        directory: Its data.
        port: Its port.
        password: What it wants to hear from the default user.
        users: Further users and what they may do, as in `ACL SETUSER`.
        certificate: It serves TLS, too, on `tls_port`.
    """

    name: ClassVar[str] = "redis"
    programs: ClassVar[dict[str, tuple[str, ...]]] = _PROGRAMS

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        password: str = "",
        users: Sequence[str] = (),
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(directory, port)
        settings = {"requirepass": password} if password else {}
        if certificate is not None:
            self.tls_port = free_port()
            settings |= _tls(certificate, self.tls_port)
        options = _options(settings)
        for user in users:
            options += ["--user", *user.split()]
        socket_path = directory / "redis.sock"
        self.unix_url = f"unix://{socket_path}"
        self._process = _server(
            "redis", directory, self.port, "--unixsocket", str(socket_path), *options
        )

    @property
    def url(self) -> str:
        """Return what a client manager is given to reach it."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return [self._process]

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        return command(self.port, "PING").startswith(("+PONG", "-NOAUTH"))


class RedisSentinel(Broker):
    """A Redis master on the first port and its sentinel on the next one.

    Args:
        directory: Their data.
        port: The master's port.
        advertised_port: Where the sentinel sees the master, when a `Link` stands before it.
        password: What both want to hear.
        certificate: Both serve TLS, too; clients that come that way are sent to the master's TLS.
    """

    name: ClassVar[str] = "redis-sentinel"
    programs: ClassVar[dict[str, tuple[str, ...]]] = _PROGRAMS
    service: ClassVar[str] = "socketio-master"

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        advertised_port: int | None = None,
        password: str = "",
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(directory, port)
        self._advertised_port = advertised_port or self.port
        self.sentinel_port = free_port() if advertised_port or not port else self.port + 1
        master, sentinel = {}, {}
        if password:
            master["requirepass"] = sentinel["requirepass"] = password
            sentinel["sentinel auth-pass"] = f"{self.service} {password}"
        if certificate is not None:
            self._advertised_port, self.tls_port = free_port(), free_port()
            master |= _tls(certificate, self._advertised_port)
            sentinel |= _tls(certificate, self.tls_port)
        # A sentinel whose master nobody stops can be patient with a busy machine.
        self._down_after = 10_000 if sentinel else 1000
        self._settings = sentinel
        self._configuration = directory / "sentinel.conf"
        self._master = _server("redis-master", directory, self.port, *_options(master))
        self._sentinel = ServerProcess(
            "redis-sentinel",
            directory,
            ["redis-server", str(self._configuration), "--sentinel"],
        )

    @property
    def url(self) -> str:
        """Return what a client manager is given to reach it."""
        return f"redis+sentinel://127.0.0.1:{self.sentinel_port}/0/{self.service}"

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return [self._master, self._sentinel]

    def bring(self) -> None:
        """Write the configuration; fetch what no Debian package has."""
        # A sentinel keeps what it has learnt in this file: always start from a known one.
        self._configuration.write_text(
            f"port {self.sentinel_port}\nbind 127.0.0.1\ndir {self.directory}\ndaemonize no\n"
            f"sentinel monitor {self.service} 127.0.0.1 {self._advertised_port} 1\n"
            f"sentinel down-after-milliseconds {self.service} {self._down_after}\n"
            + "".join(f"{name} {value}\n" for name, value in self._settings.items())
        )

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        address = command(self.sentinel_port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
        known = str(self._advertised_port) in address or address.startswith("-NOAUTH")
        return known and command(self.port, "PING").startswith(("+PONG", "-NOAUTH"))


class RedisFailover(RedisSentinel):
    """A sentinel, its Redis master on the first port, and a replica that may take its place.

    Args:
        directory: Their data.
        port: The master's port.
        untold: The sentinel cannot demote the master, which goes on as before: so it is when a
            network falls apart.
    """

    name: ClassVar[str] = "redis-failover"

    def __init__(self, directory: Path, port: int | None = None, untold: bool = False) -> None:
        super().__init__(directory, port)
        self.replica_port = free_port()
        # Its demotion is one transaction, of which this is a part.
        rules = ["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-client|kill"]
        self._master = _server("redis-master", directory, self.port, *(rules if untold else ()))
        self._replica = _server(
            "redis-replica",
            directory / "replica",
            self.replica_port,
            *("--replicaof", "127.0.0.1", str(self.port), "--repl-diskless-sync-delay", "0"),
        )

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return [self._master, self._replica, self._sentinel]

    def bring(self) -> None:
        """Write the configuration; fetch what no Debian package has."""
        super().bring()
        self._replica.directory.mkdir(parents=True, exist_ok=True)

    def answers(self) -> bool:
        """Tell whether it serves clients now, and the sentinel knows the replica."""
        known = command(self.sentinel_port, "SENTINEL", "REPLICAS", self.service)
        return (
            super().answers()
            and str(self.replica_port) in known
            and "master_link_status:up" in command(self.replica_port, "INFO", "replication")
        )

    def fail_over(self) -> None:
        """Have the replica take the master's place; returns when the sentinel says that it has."""

        def taken() -> bool:
            said = command(self.sentinel_port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
            return str(self.replica_port) in said

        def begun() -> bool:
            # NOGOODSLAVE until the sentinel has heard enough of the replica.
            return taken() or command(
                self.sentinel_port, "SENTINEL", "FAILOVER", self.service
            ).startswith(("+OK", "-INPROG"))

        wait_until(begun, 20, "the failover's beginning")
        wait_until(taken, 20, "the failover")


class RedisCluster(Broker):
    """Three masters that share the slots; their bus ports are fixed, too."""

    name: ClassVar[str] = "redis-cluster"
    programs: ClassVar[dict[str, tuple[str, ...]]] = _PROGRAMS

    def __init__(self, directory: Path, port: int | None = None) -> None:
        super().__init__(directory, port)
        shared = port is not None and port < 20_000  # below those of private brokers
        others = [self.port + index if shared else free_port() for index in (1, 2)]
        self.ports = [self.port, *others]
        self._nodes = [self._node(each) for each in self.ports]

    def _node(self, port: int) -> ServerProcess:
        return _server(
            f"redis-node-{port}",
            self.directory / str(port),
            port,
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            str(port + 100 if port + 100 < 65536 else port - 100),
            "--cluster-node-timeout",
            "2000",
        )

    @property
    def url(self) -> str:
        """Return what a client manager is given to reach it."""
        return f"redis+cluster://127.0.0.1:{self.port}"

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return self._nodes

    def bring(self) -> None:
        """Write the configuration; fetch what no Debian package has."""
        for node in self._nodes:
            node.directory.mkdir(parents=True, exist_ok=True)

    def form(self) -> None:
        """Join the nodes into a cluster, once."""
        for port in self.ports:
            wait_until(
                lambda port=port: bool(command(port, "PING")),  # type: ignore[misc]  # mypy cannot type a default
                self.start_seconds,
                f"an answer of the cluster node on port {port}",
            )
        if "cluster_slots_assigned:0" not in command(self.port, "CLUSTER", "INFO"):
            return  # its nodes.conf remembers the cluster
        share = _SLOTS // len(self.ports) + 1
        for index, port in enumerate(self.ports):
            last = min(_SLOTS, (index + 1) * share) - 1
            command(port, "CLUSTER", "ADDSLOTSRANGE", str(index * share), str(last))
            command(port, "CLUSTER", "SET-CONFIG-EPOCH", str(index + 1))
        for port in self.ports[1:]:
            bus = port + 100 if port + 100 < 65536 else port - 100
            command(self.port, "CLUSTER", "MEET", "127.0.0.1", str(port), str(bus))

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        states = (command(port, "CLUSTER", "INFO") for port in self.ports)
        return all("cluster_state:ok" in state for state in states)
