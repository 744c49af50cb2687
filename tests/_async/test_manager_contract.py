"""The in-memory managers pass the contract of client managers."""

from __future__ import annotations

from typing import Any

from socketio import AsyncManager, Manager
from socketio.testing.contracts import ManagerContract


class TestMemory(ManagerContract):
    processes = 1

    def create_manager(self, flavour: str, channel: str, **options: Any) -> Any:
        return AsyncManager() if flavour == "async" else Manager()
