"""The errors of a lookup: missing, disabled, broken and conflicting are four different things."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from socketio.exceptions import PluginError

from .claims import Conflict, Key, Plugin
from .discovery import DISABLE_VARIABLE, STRICT_VARIABLE, normalise
from .first_party import install_target
from .types import Flavour

LIST_COMMAND = "python -m socketio plugins"

_SERVER: dict[Flavour | None, str] = {
    "async": "AsyncServer",
    "sync": "Server",
    None: "any server",
}


def what_happened(plugin: Plugin) -> str:
    """Return the error of a broken plugin in one line."""
    text = " ".join(str(plugin.error).split())
    return f"{type(plugin.error).__name__}: {text}"


def broken_warning(plugin: Plugin) -> str:
    """Return what to warn of when a plugin is broken."""
    return (
        f"the plugin {plugin} is broken and left out: {what_happened(plugin)}. "
        f"Repair or uninstall it, or switch it off with {DISABLE_VARIABLE}={plugin.name}; "
        f"`{LIST_COMMAND}` lists all plugins"
    )


def broken_plugin(plugin: Plugin) -> PluginError:
    """Return the error for a broken plugin that was passed explicitly."""
    error = PluginError(
        f"the plugin {plugin} is broken: {what_happened(plugin)}; repair it or do not pass it",
        reason="broken",
    )
    error.__cause__ = plugin.error
    return error


def conflict_warning(conflict: Conflict) -> str:
    """Return what to warn of when several plugins provide the same."""
    what = ", the ".join(str(key) for key in conflict.keys)
    who = " and by ".join(str(plugin) for plugin in conflict.providers)
    used = f"that of {conflict.winner} is used" if conflict.winner else "none of them is used"
    return f"the {what}: provided by {who}; {used}; {_how_to_settle(conflict.providers)}"


def conflict(key: Key, providers: Sequence[Plugin]) -> PluginError:
    """Return the error for something that several plugins provide."""
    return PluginError(
        f"the {key} is provided by {' and by '.join(map(str, providers))}; "
        f"{_how_to_settle(providers)}",
        reason="conflict",
    )


def broken(key: Key, plugin: Plugin) -> PluginError:
    """Return the error for something that a broken plugin provides."""
    repair = f"upgrade or reinstall {plugin.dist}" if plugin.dist else f"repair {plugin.module}"
    error = PluginError(
        f"the {key} is not available, because the plugin {plugin} is broken: "
        f"{what_happened(plugin)}; {repair}",
        reason="broken",
    )
    error.__cause__ = plugin.error
    return error


def all_broken(plugins: Sequence[Plugin]) -> PluginError:
    """Return the error for broken plugins where none is tolerated."""
    error = PluginError(
        f"{STRICT_VARIABLE} tolerates no broken plugin: "
        + "; ".join(f"{plugin}: {what_happened(plugin)}" for plugin in plugins),
        reason="broken",
    )
    error.__cause__ = plugins[0].error
    return error


def disabled_note(plugin: Plugin) -> str:
    """Return how a plugin is switched off, and how to switch it on."""
    value = os.environ.get(DISABLE_VARIABLE, "")
    return (
        f"the plugin {plugin} is switched off by {DISABLE_VARIABLE}={value}; take it out of that "
        "variable to use it"
    )


def disabled(key: Key, plugin: Plugin) -> PluginError:
    """Return the error for something that a disabled plugin provides."""
    return PluginError(f"the {key} is disabled: {disabled_note(plugin)}", reason="disabled")


def missing(keys: Sequence[Key], plugins: Sequence[Plugin]) -> PluginError:
    """Return the error for something that no plugin provides.

    Args:
        keys: What was asked for, in each of its forms: both flavours, or every class of an
            application; the first one stands for it.
        plugins: All plugins that were found.
    """
    key = keys[0] if len({key.flavour for key in keys}) == 1 else keys[0]._replace(flavour=None)
    working = [plugin for plugin in plugins if not plugin.error and not plugin.disabled]
    broken = [plugin for plugin in plugins if plugin.error]
    off = [str(plugin) for plugin in plugins if plugin.disabled]
    installed = _installed(keys, working)
    message = f"there is no {key}{_other_flavour(keys, working)}"
    targets = {key: install_target(*key) for key in keys}
    if any(targets.values()):
        message += f"; install it with: {_install_commands(targets, working)}"
    else:
        message += _guess(keys, installed)
        if broken:
            names = ", ".join(map(str, broken))
            message += f"; perhaps it is in a plugin that is broken: {names}, see `{LIST_COMMAND}`"
        if off:
            message += f"; perhaps in one that {DISABLE_VARIABLE} switches off: {', '.join(off)}"
    message += f"; installed: {', '.join(installed.values()) or 'none'}"
    return PluginError(message, reason="missing")


def not_loadable(key: Key, error: ImportError, install: str) -> PluginError:
    """Return the error for something that is declared, but whose loader cannot import it."""
    target = install or install_target(*key)
    fix = f"; install what it needs with: {_pip(target)}" if target else ""
    return PluginError(
        f"the {key} cannot be loaded: {type(error).__name__}: {error}{fix}", reason="missing"
    )


def wrong_thing(key: Key, loaded: object, expected: str) -> PluginError:
    """Return the error for a loader that returned what it should not."""
    return PluginError(
        f"the loader of the {key} returned {loaded!r:.100}, not {expected}; upgrade or repair "
        "its plugin",
        reason="broken",
    )


def find_suspect(key: Key, plugins: Iterable[Plugin]) -> Plugin | None:
    """Find the broken or disabled plugin that provides something when it works.

    A plugin that was not imported cannot be asked. It is suspected if it has declared the thing
    before it broke, if it bears its name, or if it is known to be what provides it.
    """
    target = normalise(install_target(*key).partition("[")[0])
    name = key.name.partition(".")[0] if key.kind == "application type" else key.name
    for plugin in plugins:
        if plugin.error is None and not plugin.disabled:
            continue
        if (
            key in set(plugin.answers_to())
            or normalise(plugin.name) == normalise(name)
            or (target and normalise(plugin.dist) == target)
        ):
            return plugin
    return None


def _how_to_settle(providers: Sequence[Plugin]) -> str:
    removable = [plugin for plugin in providers if plugin.source == "entry point"]
    if not removable:
        return "pass only one of them as plugins=[...]"
    names = " or ".join(plugin.name for plugin in removable)
    return f"uninstall what you do not use, or switch it off with {DISABLE_VARIABLE}={names}"


def _installed(keys: Sequence[Key], plugins: Iterable[Plugin]) -> dict[str, str]:
    kind = "attachment" if keys[0].kind == "application type" else keys[0].kind
    flavours = {key.flavour for key in keys}
    found = {
        key.name: f"{key.name} ({plugin.origin})"
        for plugin in plugins
        for key in plugin.answers_to()
        if key.kind == kind and key.flavour in flavours
    }
    return dict(sorted(found.items()))


def _install_commands(targets: dict[Key, str], plugins: Iterable[Plugin]) -> str:
    dists = {normalise(plugin.dist) for plugin in plugins}
    commands = {}
    for key, target in targets.items():
        if target:
            # Where an older release is installed already, pip would otherwise leave it at that.
            upgrade = normalise(target.partition("[")[0]) in dists
            commands[key.flavour] = _pip(target, "--upgrade " if upgrade else "")
    different = list(dict.fromkeys(commands.values()))
    if len(different) == 1:
        return different[0]
    return " or ".join(f"{command} (for {_SERVER[key]})" for key, command in commands.items())


def _pip(target: str, option: str = "") -> str:
    quote = '"' if "[" in target else ""  # some shells take brackets for a pattern
    return f"pip install {option}{quote}{target}{quote}"


def _other_flavour(keys: Sequence[Key], plugins: Iterable[Plugin]) -> str:
    wanted = {(key.kind, key.name) for key in keys}
    for plugin in plugins:
        for key in plugin.answers_to():
            if (key.kind, key.name) in wanted:
                return f"; there is one for {_SERVER[key.flavour]} only, from {plugin.origin}"
    if any(install_target(*key) for key in keys):
        return ""
    for kind, flavour, name in keys:
        other: Flavour = "sync" if flavour == "async" else "async"
        if target := install_target(kind, other, name):
            return f"; there is one for {_SERVER[other]} only: {_pip(target)}"
    return ""


def _guess(keys: Sequence[Key], installed: Iterable[str]) -> str:
    from difflib import get_close_matches  # only errors need it

    close = get_close_matches(keys[0].name, list(installed), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
