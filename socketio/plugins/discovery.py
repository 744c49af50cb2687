"""Finds plugins and asks each for its entries, so that a broken one harms nobody but itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING

import pluggy

from socketio.exceptions import PluginError

from .claims import Key, Plugin, keys_of
from .hookspec import GROUP, HOOK_API
from .types import (
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    SerializerEntry,
    TransportEntry,
)

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

DISABLE_VARIABLE = "SOCKETIO_DISABLE_PLUGINS"
STRICT_VARIABLE = "SOCKETIO_STRICT_PLUGINS"

BROKEN = (Exception, SystemExit)
"""What a plugin may raise without taking the others down; some modules exit when imported."""

_ENTRY_HOOKS = {
    "socketio_transports": TransportEntry,
    "socketio_async_modes": AsyncModeEntry,
    "socketio_attachments": AttachmentEntry,
    "socketio_client_managers": ClientManagerEntry,
    "socketio_serializers": SerializerEntry,
}
_HOOKS = (*_ENTRY_HOOKS, "socketio_server_created")


def normalise(name: str) -> str:
    """Return the name of a distribution or plugin in the one form that is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_strict() -> bool:
    """Tell whether a broken plugin is an error instead of a warning."""
    return os.environ.get(STRICT_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


def disabled_names() -> frozenset[str]:
    """Return the plugins and distributions that are switched off; `*` stands for all."""
    names = os.environ.get(DISABLE_VARIABLE, "").split(",")
    return frozenset(normalise(name.strip()) for name in names if name.strip())


def installed_plugins() -> list[tuple[Plugin, Callable[[], object]]]:
    """Return what is installed in the entry point group, without importing any of it.

    Returns:
        Plugins, marked where they are disabled or their metadata is damaged, each with the
        function that imports it.
    """
    from importlib import metadata  # takes longer to import than all of this package

    try:
        entry_points = metadata.entry_points(group=GROUP)
    except BROKEN:
        # One damaged entry_points.txt, of whatever distribution, hides those of all. Reading them
        # one by one finds the others, and whether the damaged one concerns us.
        return list(_read_one_by_one(metadata.distributions()))
    return [(_record(entry_point), entry_point.load) for entry_point in entry_points]


def _read_one_by_one(
    dists: Iterable[Distribution],
) -> Iterator[tuple[Plugin, Callable[[], object]]]:
    seen: set[str] = set()
    for dist in dists:
        name = normalise(dist.name or "")
        if name in seen:
            continue  # hidden by the same distribution earlier on sys.path
        seen.add(name)
        try:
            entry_points = dist.entry_points.select(group=GROUP)
        except BROKEN as error:
            if f"[{GROUP}]" in (dist.read_text("entry_points.txt") or ""):
                damaged = Plugin(name=name, source="entry point", module="entry_points.txt")
                damaged.dist, damaged.version, damaged.error = name, dist.version, error
                yield damaged, lambda: None  # never called, as it is broken already
            continue
        for entry_point in entry_points:
            yield _record(entry_point), entry_point.load


def _record(entry_point: EntryPoint) -> Plugin:
    plugin = Plugin(name=entry_point.name, source="entry point", module=entry_point.value)
    if entry_point.dist is not None:
        try:
            plugin.dist, plugin.version = entry_point.dist.name or "", entry_point.dist.version
        except BROKEN as error:  # METADATA is missing or damaged
            plugin.error = error
    plugin.disabled = not disabled_names().isdisjoint(
        {"*", normalise(plugin.name), normalise(plugin.dist or plugin.name)}
    )
    return plugin


def read(manager: pluggy.PluginManager, plugin: Plugin, implementation: object) -> None:
    """Register a plugin and ask it for its entries; what goes wrong is kept as its error.

    Args:
        manager: Where to register it.
        plugin: Its record, which is filled in.
        implementation: The module or object that has the hooks.
    """
    plugin.implementation = implementation
    try:
        _check_hook_api(implementation)
        manager.register(implementation, name=f"{plugin.name} {id(implementation)}")
        manager.check_pending()
        _check_hooks(manager, implementation)
        for hook, entry_type in _ENTRY_HOOKS.items():
            _read_hook(manager, plugin, implementation, hook, entry_type)
        plugin.observes = hasattr(implementation, "socketio_server_created")
    except BROKEN as error:
        plugin.error = error
        if manager.is_registered(implementation):
            manager.unregister(implementation)


def _check_hook_api(implementation: object) -> None:
    theirs = getattr(implementation, "HOOK_API", None)
    if theirs is None:
        raise PluginError(
            f"it does not say which hooks it was written for; add HOOK_API = {HOOK_API} to it",
            reason="broken",
        )
    if theirs != HOOK_API:
        older = isinstance(theirs, int) and theirs < HOOK_API
        raise PluginError(
            f"it was written for HOOK_API {theirs!r}, this socketio has HOOK_API {HOOK_API}; "
            f"upgrade {'the plugin' if older else 'socketio'}",
            reason="broken",
        )


def _check_hooks(manager: pluggy.PluginManager, implementation: object) -> None:
    for name in _HOOKS:
        if callable(getattr(implementation, name, None)) and not manager.parse_hookimpl_opts(
            implementation, name
        ):
            raise PluginError(f"{name} is not marked; decorate it with @hookimpl", reason="broken")
    for caller in manager.get_hookcallers(implementation) or []:
        for hookimpl in caller.get_hookimpls():
            if hookimpl.plugin is implementation and (hookimpl.wrapper or hookimpl.hookwrapper):
                raise PluginError(
                    f"{caller.name} is a wrapper, but each plugin is asked for itself and there "
                    "is nothing to wrap; make it a plain hook",
                    reason="broken",
                )


def _read_hook(
    manager: pluggy.PluginManager,
    plugin: Plugin,
    implementation: object,
    hook: str,
    entry_type: type,
) -> None:
    claimed: Collection[Key] = set(plugin.answers_to())
    for hookimpl in getattr(manager.hook, hook).get_hookimpls():
        # Called without pluggy, which would call all plugins and stop at the first that raises.
        if hookimpl.plugin is not implementation:
            continue
        found = hookimpl.function()
        if found is None:
            raise TypeError(f"{hook} returned None; yield its entries, or return ()")
        for entry in found:
            if not isinstance(entry, entry_type):
                raise TypeError(f"{hook} yielded {entry!r}, which is no {entry_type.__name__}")
            for key in keys_of(entry):  # type: ignore[arg-type]  # one of the five, checked above
                if key in claimed:
                    raise ValueError(f"{hook} yielded two entries for the {key}")
            plugin.entries.append(entry)  # type: ignore[arg-type]  # one of the five
            claimed = set(plugin.answers_to())
