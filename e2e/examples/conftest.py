"""The examples that are left to the long run."""

import pytest

MIXED = (("werkzeug", "asyncio"), ("asyncio", "threads"))
"""Servers with clients of the other flavour, which are left to the long run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is for the long run only."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if (parameters.get("serve"), parameters.get("client_command")) in MIXED:
            item.add_marker(pytest.mark.heavy)
