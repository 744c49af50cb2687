"""What socketio-web adds to socketio: declarations only, loaders import the rest when chosen."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from socketio.plugins import AsyncModeEntry, AttachmentEntry, hookimpl

HOOK_API = 1


def _load_aiohttp_mode() -> object:
    from socketio_web.aiohttp_mode import AiohttpMode

    return AiohttpMode()


def _load_aiohttp_attachment() -> object:
    from socketio_web.aiohttp_mode import AiohttpAttachment

    return AiohttpAttachment()


@hookimpl
def socketio_async_modes() -> Iterable[AsyncModeEntry]:
    """Modes of frameworks and servers that speak neither ASGI nor plain threaded WSGI."""
    yield AsyncModeEntry(
        name="aiohttp",
        flavour="async",
        load=_load_aiohttp_mode,
        detect=lambda: find_spec("aiohttp") is not None,
        rank=200,
        install="socketio-web[aiohttp]",
    )


@hookimpl
def socketio_attachments() -> Iterable[AttachmentEntry]:
    """Applications that `sio.attach(app)` understands."""
    yield AttachmentEntry(
        name="aiohttp",
        app_types=("aiohttp.web_app.Application",),
        load=_load_aiohttp_attachment,
        flavour="async",
        install="socketio-web[aiohttp]",
    )
