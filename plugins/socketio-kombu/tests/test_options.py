"""What the manager depends on is set by it, whatever the URL and kombu's defaults say."""

from __future__ import annotations

from typing import Any

import pytest
from kombu import connection as library

from socketio import KombuManager

TRANSPORT_OPTIONS = {
    "read_timeout": 0.1,
    "write_timeout": 0.1,
    "confirm_publish": True,
    "heartbeat": 1,
    "client_properties": {"product": "mine"},
}


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("amqp://h//?heartbeat=1&connect_timeout=0.1", {}),
        ("amqps://h", {"heartbeat": 1, "connect_timeout": 0.1}),
        ("pyamqp://h", {"transport_options": TRANSPORT_OPTIONS}),
    ],
)
def test_our_options_win(
    url: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver: Any = KombuManager(url, connection_options=options).create_driver()
    driver.timeout = 3.0
    connection = driver.create_connection()
    got: dict[str, Any] = {}

    class Refusing:
        def __init__(self, **arguments: Any) -> None:
            got.update(arguments)
            raise ConnectionRefusedError

    monkeypatch.setattr(connection.transport, "Connection", Refusing)
    with pytest.raises(ConnectionRefusedError):
        connection.transport.establish_connection()
    expected = {
        "connect_timeout": 3.0,
        "read_timeout": 3.0,
        "write_timeout": 3.0,
        "heartbeat": 0,
        "confirm_publish": False,
    }
    assert {name: got[name] for name in expected} == expected
    if "transport_options" in options:
        assert got["client_properties"] == {"product": "mine"}


def test_an_unknown_transport_is_still_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        KombuManager("nothing://h")


def test_other_transports_keep_their_options() -> None:
    options = {"transport_options": {"polling_interval": 2}, "connect_timeout": 7}
    driver: Any = KombuManager("memory://", connection_options=options).create_driver()
    connection: library.Connection = driver.create_connection()
    assert connection.transport_options == {"polling_interval": 2}
    assert connection.connect_timeout == 7
