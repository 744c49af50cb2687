"""The examples that are left to the long run."""

import pytest

FLAVOURS = {
    "werkzeug": "threads",
    "server": "threads",
    "threads": "threads",
    "emit": "threads",
    "asyncio": "asyncio",
    "server_asyncio": "asyncio",
    "emit_asyncio": "asyncio",
}
"""The flavour of what a test takes as a parameter; JavaScript is another one."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the long run where a client meets a server of another flavour."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "client_command" in parameters:
            names = [parameters.get(key) for key in ("serve", "program", "emitter")]
            met = {FLAVOURS.get(name, name) for name in names if name is not None}
            if met != {FLAVOURS.get(parameters["client_command"])}:
                item.add_marker(pytest.mark.heavy)
