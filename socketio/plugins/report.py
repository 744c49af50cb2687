"""What `python -m socketio plugins` shows about one plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from . import messages
from .claims import Conflict, Plugin
from .types import ClientManagerEntry, Entry, SerializerEntry

__all__ = ["PluginReport", "Status"]

Status: TypeAlias = Literal["ok", "disabled", "broken", "conflict"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginReport:
    """One plugin, what it provides, and what is wrong with it.

    Args:
        name: Name of its entry point, or of its module.
        source: `'built-in'`, `'explicit'` or `'entry point'`.
        module: Where its hooks are.
        dist: Distribution that it came with; empty for one that was passed explicitly.
        version: Version of the distribution.
        status: `'ok'`, `'disabled'`, `'broken'` or `'conflict'`.
        provides: What it provides, in words.
        problems: What is wrong with it and what to do about that.
        error: Why it is broken.
    """

    name: str
    source: str
    module: str
    dist: str
    version: str
    status: Status
    provides: tuple[str, ...]
    problems: tuple[str, ...] = ()
    error: BaseException | None = None


def report_on(plugin: Plugin, conflicts: list[Conflict]) -> PluginReport:
    """Return the report on a plugin.

    Args:
        plugin: The plugin.
        conflicts: All conflicts, whoever takes part.
    """
    problems = [
        messages.conflict_warning(conflict)
        for conflict in conflicts
        if plugin in conflict.providers and plugin is not conflict.winner
    ]
    status: Status = "conflict" if problems else "ok"
    if plugin.error is not None:
        status = "broken"
        problems = [messages.broken_warning(plugin)]
    elif plugin.disabled:
        status = "disabled"
        problems = [messages.disabled_note(plugin)]
    return PluginReport(
        name=plugin.name,
        source=plugin.source,
        module=plugin.module,
        dist=plugin.dist,
        version=plugin.version,
        status=status,
        provides=(*map(_words, plugin.entries), *["observer of new servers"] * plugin.observes),
        problems=tuple(problems),
        error=plugin.error,
    )


def _words(entry: Entry) -> str:
    kind = {
        "TransportEntry": "transport",
        "AsyncModeEntry": "async mode",
        "AttachmentEntry": "attachment",
        "ClientManagerEntry": "client manager",
        "SerializerEntry": "serializer",
    }[type(entry).__name__]
    if isinstance(entry, SerializerEntry):
        return f"{kind} {entry.name}"
    if isinstance(entry, ClientManagerEntry):
        return f"{kind} {entry.name} ({', '.join(entry.flavours)})"
    return f"{kind} {entry.name} ({entry.flavour})"
