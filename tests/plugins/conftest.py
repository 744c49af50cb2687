"""Distributions made on disk: a module, and the metadata that an installer would write."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest

from socketio.plugins import registry as registry_module


class MakeDist(Protocol):
    def __call__(
        self,
        name: str,
        source: str,
        *,
        entry_points: str | None = None,
        version: str = "1.0",
        hook_api: int | None = 1,
    ) -> str:
        """Install a distribution whose one module has the name of the distribution."""
        ...


PRELUDE = """
from socketio.plugins import (
    AsyncModeEntry, AttachmentEntry, ClientManagerEntry, SerializerEntry, TransportEntry, hookimpl
)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only folder that distributions are found in, empty; nothing is remembered from before.

    The built-ins are left out, so that these tests hold whatever the core comes to declare.
    """
    folder = tmp_path / "fake-site"
    folder.mkdir()
    rest = [path for path in sys.path if "site-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(folder), *rest])
    monkeypatch.setattr(registry_module, "_warned", set())
    (folder / "no_builtins.py").write_text("HOOK_API = 1\n")
    monkeypatch.setattr(registry_module, "_BUILTIN", "no_builtins")
    monkeypatch.delenv("SOCKETIO_DISABLE_PLUGINS", raising=False)
    monkeypatch.delenv("SOCKETIO_STRICT_PLUGINS", raising=False)
    registry_module._registry_with.cache_clear()
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    registry_module._registry_with.cache_clear()


@pytest.fixture
def make_dist(site: Path) -> MakeDist:
    def make(
        name: str,
        source: str,
        *,
        entry_points: str | None = None,
        version: str = "1.0",
        hook_api: int | None = 1,
    ) -> str:
        stem = name.replace("-", "_")
        module = f"fake_{stem}"  # an editable install of the real one would come first
        api = "" if hook_api is None else f"HOOK_API = {hook_api}\n"
        (site / f"{module}.py").write_text(PRELUDE + api + dedent(source))
        info = site / f"{stem}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        short = name.removeprefix("socketio-")
        default = f"[socketio]\n{short} = {module}\n"
        (info / "entry_points.txt").write_text(default if entry_points is None else entry_points)
        importlib.invalidate_caches()
        return module

    return make
