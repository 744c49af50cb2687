"""compose.yaml brings the brokers that the tests look for, where they look for them.

`docker compose config` says whether Docker can read the file, where the plugin is there; the rest
needs no Docker.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers import RedisSentinel
from brokers.shared import PORTS, URLS

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
KEYS = {"command", "depends_on", "environment", "healthcheck", "image", "network_mode", "ports"}
"""What the services may say; whoever needs more looks it up in Compose's specification."""

with_name = pytest.mark.parametrize("name", SERVICES)


def ports(name: str) -> set[int]:
    """Return the ports of the host that a service listens on."""
    service = SERVICES[name]
    if service.get("network_mode") != "host":
        addresses = [published.split(":") for published in service["ports"]]
        assert all(address == "127.0.0.1" for address, _, _ in addresses)  # for this machine only
        return {int(port) for _, port, _ in addresses}
    assert "ports" not in service
    return {int(port) for port in re.findall(r"\b1\d{4}\b", " ".join(service["command"]))}


def test_every_broker_of_the_tests_is_there() -> None:
    for broker, url in URLS.items():
        service = SERVICES[broker]
        assert int(re.findall(r":(\d+)", url)[-1]) in ports(broker), service
    listening = set().union(*map(ports, SERVICES))
    assert listening >= set(PORTS.values())


def test_the_sentinel_calls_its_master_as_the_url_does() -> None:
    script = SERVICES["redis-sentinel"]["command"][-1]
    assert f"sentinel monitor {RedisSentinel.service} 127.0.0.1 {PORTS[RedisSentinel]} 1" in script


def test_kafka_tells_its_clients_the_published_port() -> None:
    service = SERVICES["kafka"]
    (port,) = ports("kafka")
    assert service["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://127.0.0.1:{port}"
    pom = (ROOT / "tools/brokers/kafka-pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>(.*)</version>", pom)
    assert version is not None
    assert service["image"] == f"apache/kafka:{version[1]}"


@with_name
def test_services_are_well_formed(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= KEYS
    assert re.fullmatch(r"[a-z/]+:[\w.-]+", service["image"]), "an image needs a tag"
    assert set(service.get("depends_on", ())) <= SERVICES.keys()
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    health = service["healthcheck"]  # what `docker compose up --wait` waits for
    assert health["test"][0] in ("CMD", "CMD-SHELL")


@with_name
def test_the_shell_keeps_its_variables(name: str) -> None:
    """Compose puts its own variables in place of `$name`; `$$` is the shell's."""
    text = yaml.safe_dump(SERVICES[name])
    assert "$" not in text.replace("$$", "")


def test_docker_reads_the_file() -> None:
    config = ["docker", "compose", "--file", str(COMPOSE), "config", "--quiet"]
    if _has_compose():
        outcome = subprocess.run(config, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stderr


def _has_compose() -> bool:
    try:
        command = ["docker", "compose", "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
