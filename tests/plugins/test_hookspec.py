from __future__ import annotations

import dataclasses
import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import socketio.plugins.types as types_module
from socketio.plugins import HOOK_API
from socketio.plugins.hookspec import plugin_manager, socketio_server_created

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "plugins.md"

HOOKS: dict[str, Any] = {
    name: vars(inspect.getmodule(socketio_server_created))[name]
    for name in (
        "socketio_transports",
        "socketio_async_modes",
        "socketio_attachments",
        "socketio_client_managers",
        "socketio_serializers",
        "socketio_server_created",
    )
}
ENTRIES = [
    "TransportEntry",
    "AsyncModeEntry",
    "AttachmentEntry",
    "ClientManagerEntry",
    "SerializerEntry",
]


def test_these_are_all_hooks() -> None:
    manager = plugin_manager()
    specified = {name for name, caller in vars(manager.hook).items() if caller.has_spec()}
    assert specified == set(HOOKS)
    assert HOOK_API == 1


@pytest.mark.parametrize("name", HOOKS)
def test_docstring_has_an_example_that_runs(name: str) -> None:
    (case,) = doctest.DocTestFinder(recurse=False).find(HOOKS[name], name, globs={})
    assert any("@hookimpl" in example.source for example in case.examples)
    assert any(f"def {name}(" in example.source for example in case.examples)
    assert any(example.want for example in case.examples)
    output: list[str] = []
    result = doctest.DocTestRunner().run(case, out=output.append)
    assert (result.failed, "".join(output)) == (0, "")
    assert result.attempted == len(case.examples)


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_signature(name: str) -> None:
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"### `{name}`" in REFERENCE.read_text()
    assert f"def {name}{signature}" in REFERENCE.read_text()


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_is_documented_with_every_field(name: str) -> None:
    heading = f"### `{name}`"
    text = REFERENCE.read_text()
    assert heading in text
    section = text.partition(heading)[2].partition("\n##")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    fields = [field.name for field in dataclasses.fields(getattr(types_module, name))]
    assert documented == fields


def test_python_in_the_reference_runs() -> None:
    text = REFERENCE.read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(REFERENCE), "exec"), {"__name__": "example"})
