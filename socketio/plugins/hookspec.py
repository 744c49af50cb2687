"""The hooks: what a plugin can add, and when it is asked.

All hooks are called when something is built, never for a packet. Each plugin is asked for itself,
so one that raises takes no other down.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pluggy

from socketio.plugins.types import (
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    SerializerEntry,
    TransportEntry,
)

__all__ = ["HOOK_API", "hookimpl", "hookspec"]

GROUP = "socketio"
"""Name of the hooks' project and of the entry point group."""

HOOK_API = 1
"""Number of this set of hooks; a plugin states the one it was written for as its ``HOOK_API``."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks the functions of a plugin that implement a hook."""


@hookspec
def socketio_transports() -> Iterable[TransportEntry]:  # type: ignore[empty-body]  # a specification
    """Add ways for packets to travel between a client and this server.

    Example:
        >>> from socketio.plugins import TransportEntry, hookimpl
        >>> def load_carrier_pigeon():
        ...     from my_plugin.pigeon import PigeonTransport
        ...     return PigeonTransport
        >>> @hookimpl
        ... def socketio_transports():
        ...     yield TransportEntry(
        ...         name="pigeon",
        ...         flavour="async",
        ...         load_server=load_carrier_pigeon,
        ...         upgrades_from=("polling",),
        ...     )
        >>> [entry.name for entry in socketio_transports()]
        ['pigeon']

    Returns:
        The transports; loaded when a server that may use them is built.
    """


@hookspec
def socketio_async_modes() -> Iterable[AsyncModeEntry]:  # type: ignore[empty-body]  # a specification
    """Add values of the server's ``async_mode`` argument.

    Example:
        >>> from importlib.util import find_spec
        >>> from socketio.plugins import AsyncModeEntry, hookimpl
        >>> def load_curio():
        ...     from my_plugin.curio import CurioMode
        ...     return CurioMode()
        >>> @hookimpl
        ... def socketio_async_modes():
        ...     yield AsyncModeEntry(
        ...         name="curio",
        ...         flavour="async",
        ...         load=load_curio,
        ...         detect=lambda: find_spec("curio") is not None,
        ...         rank=200,
        ...         install="my-plugin[curio]",
        ...     )
        >>> [(mode.name, mode.rank) for mode in socketio_async_modes()]
        [('curio', 200)]

    Returns:
        The modes; loaded when a server is attached or wrapped.
    """


@hookspec
def socketio_attachments() -> Iterable[AttachmentEntry]:  # type: ignore[empty-body]  # a specification
    """Add application classes that ``sio.attach(app)`` understands.

    Example:
        >>> from socketio.plugins import AttachmentEntry, hookimpl
        >>> def load_falcon():
        ...     from my_plugin.falcon import FalconAttachment
        ...     return FalconAttachment()
        >>> @hookimpl
        ... def socketio_attachments():
        ...     yield AttachmentEntry(
        ...         name="falcon",
        ...         app_types=("falcon.asgi.app.App",),
        ...         load=load_falcon,
        ...         flavour="async",
        ...         install="my-plugin[falcon]",
        ...     )
        >>> [entry.app_types for entry in socketio_attachments()]
        [('falcon.asgi.app.App',)]

    Returns:
        The attachments; loaded when an application of such a class is attached.
    """


@hookspec
def socketio_client_managers() -> Iterable[ClientManagerEntry]:  # type: ignore[empty-body]  # a specification
    """Add ways to know the clients of other processes.

    Example:
        >>> from socketio.plugins import ClientManagerEntry, hookimpl
        >>> def load_async_nats():
        ...     from my_plugin.nats import AsyncNatsManager
        ...     return AsyncNatsManager
        >>> @hookimpl
        ... def socketio_client_managers():
        ...     yield ClientManagerEntry(
        ...         name="nats", schemes=("nats", "tls+nats"), load_async=load_async_nats
        ...     )
        >>> [entry.schemes for entry in socketio_client_managers()]
        [('nats', 'tls+nats')]

    Returns:
        The managers; loaded when a server is given a URL with one of their schemes.
    """


@hookspec
def socketio_serializers() -> Iterable[SerializerEntry]:  # type: ignore[empty-body]  # a specification
    """Add values of the ``serializer`` argument of servers and clients.

    Example:
        >>> from socketio.plugins import SerializerEntry, hookimpl
        >>> def load_cbor():
        ...     from my_plugin.cbor import CborPacket
        ...     return CborPacket
        >>> @hookimpl
        ... def socketio_serializers():
        ...     yield SerializerEntry(name="cbor", load=load_cbor)
        >>> [entry.name for entry in socketio_serializers()]
        ['cbor']

    Returns:
        The serializers; loaded when a server or a client that uses them is built.
    """


@hookspec
def socketio_server_created(server: object) -> None:
    """Look at a server that has just been built: for metrics, tracing, administration.

    Example:
        >>> from socketio.plugins import hookimpl
        >>> @hookimpl
        ... def socketio_server_created(server):
        ...     print("created", type(server).__name__)
        >>> socketio_server_created(server=object())
        created object

    Args:
        server: The ``Server`` or ``AsyncServer``, before its first client.
    """


def plugin_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(sys.modules[__name__])
    return manager
