"""The public API against that of python-socketio 5, one flavour against the other, and the page."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    """Import tools/parity.py, which is a script and in no package."""
    path = ROOT / "tools" / "parity.py"
    spec = importlib.util.spec_from_file_location("parity_tool", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


parity = load_tool()
REFERENCE: dict[str, Any] = parity.load(parity.REFERENCE)
DEVIATIONS: dict[str, Any] = parity.load(parity.DEVIATIONS)

pytestmark = [
    # It says so when an instance is made, which is right.
    pytest.mark.filterwarnings("ignore:socketio.Middleware:DeprecationWarning"),
    # kafka-python reads its schemas in a way that Python 3.11 calls old.
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
]


def readable(differences: list[Any]) -> list[str]:
    return [str(difference) for difference in differences]


# -- the API --------------------------------------------------------------------------------------


def test_every_difference_from_python_socketio_is_meant() -> None:
    found = parity.compare_reference(REFERENCE)
    unlisted, gone = parity.unmeant(found, DEVIATIONS["signature"], "theirs", "ours")
    assert readable(unlisted) == []
    assert readable(gone) == [], "listed, but it does not differ"


def test_every_difference_between_the_flavours_is_meant() -> None:
    found = parity.compare_flavours()
    unlisted, gone = parity.unmeant(found, DEVIATIONS["flavour"], "sync", "async")
    assert readable(unlisted) == []
    assert readable(gone) == [], "listed, but it does not differ"


def test_the_reference_is_not_empty() -> None:
    """Guards against a reader that finds nothing to compare."""
    methods = sum(
        len(parity.inherited(REFERENCE["classes"], name)["methods"])
        for name in REFERENCE["classes"]
    )
    assert len(REFERENCE["classes"]) == 28
    assert methods > 250


# -- the comparison itself ------------------------------------------------------------------------


class Theirs:
    """What a class of the reference may look like."""

    def __init__(self, one: int, two: int = 2) -> None:
        self.one = one

    def same(self, one: int, two: int | None = None) -> None: ...

    async def waits(self) -> None: ...


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"constructor": "one, two=3"}, ["sample: 'one, two=3' is 'one, two=2'"]),
        ({"methods": {"same": "two=None, one"}}, None),
        ({"methods": {"same": "one, two"}}, ["sample.same: 'one, two' is 'one, two=None'"]),
        ({"methods": {"same": "one, other=None"}}, None),
        ({"methods": {"gone": ""}}, ["sample.gone: 'a method' is 'missing'"]),
        ({"methods": {"waits": ""}}, ["sample.waits: 'function' is 'coroutine function'"]),
        (
            {"methods": {"same": "one, two=None"}, "coroutines": ["same"]},
            ["sample.same: 'coroutine function' is 'function'"],
        ),
        ({"values": {"same": 1}}, None),
    ],
)
def test_the_comparison_sees_differences(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: list[str] | None
) -> None:
    monkeypatch.setattr(parity, "resolve", lambda name: Theirs)
    entry = {"attributes": [], "coroutines": [], "methods": {}, "values": {}, **change}
    if change.get("methods") == {"same": "two=None, one"}:
        with pytest.raises(SyntaxError):  # no signature at all
            list(parity.compare_class("sample", entry))
        return
    found = readable(parity.compare_class("sample", entry))
    if expected is None:
        assert len(found) == 1
    else:
        assert found == expected


# -- what is listed -------------------------------------------------------------------------------


def test_the_page_has_what_the_data_file_has() -> None:
    page = parity.PAGE.read_text(encoding="utf-8")
    assert parity.with_tables(page, DEVIATIONS) == page, "run: python tools/parity.py --write"


def test_every_entry_says_why() -> None:
    for entry in DEVIATIONS["signature"] + DEVIATIONS["flavour"] + DEVIATIONS["behaviour"]:
        assert len(entry["reason"]) > 5, entry
    for entry in DEVIATIONS["behaviour"]:
        assert entry["theirs"] != entry["ours"], entry


def names_of_tests(path: Path) -> set[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


@pytest.mark.parametrize("entry", DEVIATIONS["behaviour"], ids=lambda entry: entry["what"][:40])
def test_every_behaviour_has_its_test(entry: dict[str, Any]) -> None:
    path, _, name = entry["test"].partition("::")
    assert name in names_of_tests(ROOT / path)
