from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from socketio.plugins import (
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    SerializerEntry,
    TransportEntry,
)


def load() -> type:
    return object


VALID: dict[type, dict[str, Any]] = {
    TransportEntry: {"name": "x", "flavour": "async", "load_server": load},
    AsyncModeEntry: {"name": "x", "flavour": "sync", "load": load},
    AttachmentEntry: {"name": "x", "app_types": ("a.B",), "load": load, "flavour": "async"},
    ClientManagerEntry: {"name": "x", "schemes": ("x", "x+tls"), "load_sync": load},
    SerializerEntry: {"name": "x", "load": load},
}


@pytest.mark.parametrize("entry_type", VALID)
def test_is_frozen_keyword_only_and_slotted(entry_type: Any) -> None:
    entry = entry_type(**VALID[entry_type])
    assert not hasattr(entry, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "y"
    with pytest.raises(TypeError, match="positional"):
        entry_type(*VALID[entry_type].values())
    assert entry == entry_type(**VALID[entry_type])
    assert hash(entry) == hash(entry_type(**VALID[entry_type]))


def test_defaults() -> None:
    mode = AsyncModeEntry(**VALID[AsyncModeEntry])
    assert (mode.detect(), mode.rank, mode.install) == (True, 100, "")
    assert TransportEntry(**VALID[TransportEntry]).upgrades_from == ()
    assert AttachmentEntry(**VALID[AttachmentEntry]).install == ""


def test_manager_tells_its_flavours() -> None:
    assert ClientManagerEntry(**VALID[ClientManagerEntry]).flavours == ("sync",)
    both = ClientManagerEntry(name="x", schemes=(), load_sync=load, load_async=load)
    assert both.flavours == ("async", "sync")


@pytest.mark.parametrize("entry_type", VALID)
@pytest.mark.parametrize("name", ["", "Big", "two words", "x\n", b"x", None, 5])
def test_name_is_refused(entry_type: Any, name: object) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"{entry_type.__name__}\.name must"):
        entry_type(**{**VALID[entry_type], "name": name})


@pytest.mark.parametrize("entry_type", [TransportEntry, AsyncModeEntry, AttachmentEntry])
@pytest.mark.parametrize("flavour", ["asyncio", "", None])
def test_flavour_is_refused(entry_type: Any, flavour: object) -> None:
    with pytest.raises(ValueError, match="flavour must be 'async' or 'sync'"):
        entry_type(**{**VALID[entry_type], "flavour": flavour})


@pytest.mark.parametrize(
    ("entry_type", "field"),
    [
        (TransportEntry, "load_server"),
        (AsyncModeEntry, "load"),
        (AsyncModeEntry, "detect"),
        (AttachmentEntry, "load"),
        (ClientManagerEntry, "load_sync"),
        (ClientManagerEntry, "load_async"),
        (SerializerEntry, "load"),
    ],
)
def test_loader_that_cannot_be_called_is_refused(entry_type: Any, field: str) -> None:
    with pytest.raises(TypeError, match=rf"{entry_type.__name__}\.{field} must be a function"):
        entry_type(**{**VALID[entry_type], field: "my_plugin.module"})


@pytest.mark.parametrize(
    ("entry_type", "field"),
    [
        (TransportEntry, "upgrades_from"),
        (AttachmentEntry, "app_types"),
        (ClientManagerEntry, "schemes"),
    ],
)
@pytest.mark.parametrize("value", ["redis", ["redis"], None, ("",), (5,), ("x.y", "x.y")])
def test_tuple_is_refused(entry_type: Any, field: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"{entry_type.__name__}\.{field} "):
        entry_type(**{**VALID[entry_type], field: value})


@pytest.mark.parametrize("app_types", [(), ("NoModule",), ("a..B",), ("a.B ",)])
def test_app_types_are_fully_qualified(app_types: object) -> None:
    with pytest.raises(ValueError, match="app_types"):
        AttachmentEntry(**{**VALID[AttachmentEntry], "app_types": app_types})


@pytest.mark.parametrize("scheme", ["redis://", "Redis", "1x", "re dis"])
def test_scheme_is_refused(scheme: str) -> None:
    with pytest.raises(ValueError, match="schemes"):
        ClientManagerEntry(name="x", schemes=(scheme,), load_sync=load)


def test_manager_without_loader_is_refused() -> None:
    with pytest.raises(ValueError, match="loads nothing"):
        ClientManagerEntry(name="x", schemes=("x",))


def test_transport_does_not_upgrade_from_itself() -> None:
    with pytest.raises(ValueError, match="the transport itself"):
        TransportEntry(name="x", flavour="async", load_server=load, upgrades_from=("x",))


@pytest.mark.parametrize(("field", "value"), [("rank", "first"), ("install", None)])
def test_mode_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"AsyncModeEntry.{field}"):
        AsyncModeEntry(**{**VALID[AsyncModeEntry], field: value})
