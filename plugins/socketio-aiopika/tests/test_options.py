"""What the manager depends on is set by it, whatever the application gives."""

from __future__ import annotations

from typing import Any

import aio_pika
import pytest

from socketio import AsyncAioPikaManager


def test_our_options_win() -> None:
    options = {"timeout": 0.1, "connection_class": aio_pika.RobustConnection, "login": "me"}
    driver: Any = AsyncAioPikaManager(connection_options=options).create_driver()
    driver.timeout = 3.0
    assert driver.connection_arguments() == {
        "timeout": 3.0,
        "connection_class": aio_pika.Connection,
        "login": "me",
    }


@pytest.mark.parametrize("name", ["nonsense", "loop", "kwargs"])
def test_an_unknown_option_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'"):
        AsyncAioPikaManager(connection_options={name: 1})
