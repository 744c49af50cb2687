"""Apache Kafka as one KRaft node, from Maven Central's artifacts and the machine's JDK."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import ClassVar

from .base import Broker, connect, free_port
from .certificates import Certificate
from .packages import require
from .process import BrokerError, ServerProcess

_POM = Path(__file__).with_name("kafka-pom.xml")
USER = ("alice", "p@ss word")
"""User and password of clients that log in."""

_CLUSTER_ID = "c29ja2V0aW8tdGVzdHMtMA"
# ApiVersions, version 0, correlation id 1, client id "up?"
_API_VERSIONS = b"\x00\x00\x00\x0d" + b"\x00\x12\x00\x00\x00\x00\x00\x01\x00\x03up?"


def libraries(directory: Path) -> Path:
    """Return the directory of Kafka's jars, resolved by Maven when it is not there."""
    done = directory / ".complete"
    wanted = _POM.read_text()
    if not done.exists() or done.read_text() != wanted:
        maven = require("mvn", "maven", "default-jdk-headless")
        result = subprocess.run(
            [
                *(maven, "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={directory}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise BrokerError(
                f"Maven cannot bring Kafka:\n{(result.stdout + result.stderr)[-2000:]}"
            )
        done.write_text(wanted)
    return directory


class KafkaBroker(Broker):
    """One node that is broker and controller.

    Args:
        directory: Its data.
        port: The port that it listens on.
        advertised_port: The port that it tells its clients, when a `Link` stands before it.
        create_topics: Whether a topic comes into being when it is first used.
        certificate: It listens for clients that log in as `USER`, too: on `login_port`, and with
            TLS on `tls_port`.
    """

    name: ClassVar[str] = "kafka"
    programs: ClassVar[dict[str, tuple[str, ...]]] = {"java": ("default-jdk-headless",)}
    start_seconds: ClassVar[float] = 90

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        advertised_port: int | None = None,
        create_topics: bool = True,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(directory, port)
        self._certificate = certificate
        self.login_port, self.tls_port = free_port(), free_port()
        self._controller_port = self.port + 1 if port else free_port()
        self._advertised_port = advertised_port or self.port
        self._create_topics = create_topics
        self._properties = directory / "server.properties"
        self._classes = f"{directory.parent / 'kafka-libraries'}/*"
        self._process = ServerProcess(
            "kafka", directory, [*self._jvm(), "-Xmx384m", "kafka.Kafka", str(self._properties)]
        )

    @classmethod
    def missing(cls) -> list[str]:
        """Return what would have to be brought first."""
        jars = _POM.parents[2] / ".brokers" / "kafka-libraries" / ".complete"
        return [*super().missing(), *([] if jars.exists() else ["Kafka's jars"])]

    def _jvm(self) -> list[str]:
        return [
            *("java", "-cp", self._classes, "-Xms64m", "-XX:+UseSerialGC"),
            *("-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={_POM.parent}/log4j2.xml"),
        ]

    @property
    def url(self) -> str:
        """Return what a client manager is given to reach it."""
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def processes(self) -> list[ServerProcess]:
        """Return its processes, in the order in which they are started."""
        return [self._process]

    def _add_listeners(self, settings: dict[str, str], certificate: Certificate) -> None:
        """Add the listeners of clients that log in, in the clear and by TLS."""
        keys = self.directory / "keys.pem"
        keys.write_text(certificate.key.read_text() + certificate.chain.read_text())
        user, password = USER
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        protocols = {"LOGIN": "SASL_PLAINTEXT", "TLS": "SASL_SSL"}
        for name, port in (("LOGIN", self.login_port), ("TLS", self.tls_port)):
            address = f",{name}://127.0.0.1:{port}"
            settings["listeners"] += address
            settings["advertised.listeners"] += address
            settings["listener.security.protocol.map"] += f",{name}:{protocols[name]}"
            settings[f"listener.name.{name.lower()}.plain.sasl.jaas.config"] = (
                f'{module} required user_{user}="{password}";'
            )
        settings |= {
            "sasl.enabled.mechanisms": "PLAIN",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keys),
        }

    def bring(self) -> None:
        """Write the configuration; fetch what no Debian package has."""
        libraries(self.directory.parent / "kafka-libraries")
        data = self.directory / "data"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._advertised_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(data),
            "auto.create.topics.enable": str(self._create_topics).lower(),
            "num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.retention.minutes": "60",
            "num.network.threads": "2",
            "num.io.threads": "2",
            "log.cleaner.enable": "false",
        }
        if self._certificate is not None:
            self._add_listeners(settings, self._certificate)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if (data / "meta.properties").exists():
            return
        format_storage = [
            *(*self._jvm(), "kafka.tools.StorageTool", "format"),
            *("--cluster-id", _CLUSTER_ID, "--config", str(self._properties)),
        ]
        result = subprocess.run(format_storage, capture_output=True, text=True, check=False)
        if result.returncode:
            raise BrokerError(f"Kafka cannot format its storage:\n{result.stdout}{result.stderr}")

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        try:
            with connect(self.port, 3) as connection:
                connection.sendall(_API_VERSIONS)
                # The same correlation id, and no error.
                return connection.recv(10)[4:10] == b"\x00\x00\x00\x01\x00\x00"
        except OSError:
            return False
