"""What the core itself declares; nothing yet."""

from __future__ import annotations

from collections.abc import Iterable

from socketio.plugins import TransportEntry, hookimpl

HOOK_API = 1


@hookimpl
def socketio_transports() -> Iterable[TransportEntry]:
    return ()
