"""What the plugin declares, and what that costs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import socketio
from socketio.abc import AsyncMode, Attachment
from socketio.exceptions import PluginError
from socketio.plugins import get_registry
from socketio.plugins.first_party import install_target
from socketio.plugins.types import AsyncModeEntry, AttachmentEntry
from socketio_web import plugin

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
FRAMEWORKS = (
    "aiohttp",
    "tornado",
    "sanic",
    "starlette",
    "fastapi",
    "quart",
    "litestar",
    "django",
    "flask",
    "gevent",
    "eventlet",
    "uwsgi",
    "asyncio",
)


def attachments() -> list[AttachmentEntry]:
    return [*plugin.socketio_attachments()]


def modes() -> list[AsyncModeEntry]:
    registry = get_registry()
    everything = [*registry.async_modes("async"), *registry.async_modes("sync")]
    return [mode for mode in everything if mode.install.startswith("socketio-web")]


def test_declaring_imports_no_framework() -> None:
    script = (
        "import sys, socketio_web.plugin as plugin\n"
        "list(plugin.socketio_async_modes()); list(plugin.socketio_attachments())\n"
        f"print(sorted(set({FRAMEWORKS!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_entry_has_an_extra_of_its_name() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for entry in (*modes(), *attachments()):
        if entry.install:
            package, _, rest = entry.install.partition("[")
            assert package == "socketio-web"
            assert rest.rstrip("]") in extras, entry


@pytest.mark.parametrize("entry", attachments(), ids=lambda entry: f"{entry.name}-{entry.flavour}")
def test_attachments_load(entry: AttachmentEntry) -> None:
    attachment = entry.load()
    assert isinstance(attachment, Attachment)
    if attachment.mode is not None:
        get_registry().async_mode(attachment.mode, entry.flavour)


@pytest.mark.parametrize("name", ["aiohttp", "tornado", "sanic"])
def test_modes_load(name: str) -> None:
    mode = get_registry().async_mode(name, "async").load()
    assert isinstance(mode, AsyncMode)
    assert mode.name == name


@pytest.mark.parametrize("name", ["aiohttp", "tornado", "sanic"])
def test_a_mode_can_be_forced(name: str) -> None:
    assert socketio.AsyncServer(async_mode=name).async_mode == name


def test_an_impossible_mode_is_refused_at_construction() -> None:
    with pytest.raises(PluginError, match="Server"):
        socketio.Server(async_mode="aiohttp")


def test_a_forced_mode_and_another_attachment() -> None:
    from aiohttp import web

    sio = socketio.AsyncServer(async_mode="tornado")
    with pytest.raises(ValueError, match=r"async_mode='tornado'.*'aiohttp'"):
        sio.attach(web.Application())


def test_the_mode_follows_from_the_attachment() -> None:
    from aiohttp import web
    from starlette.applications import Starlette
    from tornado import web as tornado

    for app, mode in (
        (web.Application(), "aiohttp"),
        (tornado.Application(), "tornado"),
        (Starlette(), "asgi"),
    ):
        sio = socketio.AsyncServer()
        sio.attach(app)
        assert sio.async_mode == mode


def test_a_subclass_of_a_framework_s_application() -> None:
    from starlette.applications import Starlette

    class Own(Starlette):
        pass

    app = Own()
    assert socketio.AsyncServer().attach(app) is app


def test_errors_name_the_same_extra_whether_this_is_installed_or_not() -> None:
    for mode in modes():
        assert install_target("async mode", mode.flavour, mode.name) == mode.install
    for attachment in attachments():
        if attachment.install:
            named = install_target("attachment", attachment.flavour, attachment.name)
            assert named == attachment.install
