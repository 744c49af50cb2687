"""Who provides what: the entries of all plugins, found by what they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from .types import (
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    Entry,
    Flavour,
    TransportEntry,
)

Kind: TypeAlias = Literal[
    "transport",
    "async mode",
    "attachment",
    "application type",
    "client manager",
    "URL scheme",
    "serializer",
]

Source: TypeAlias = Literal["built-in", "explicit", "entry point"]


class Key(NamedTuple):
    """One thing that can be asked for, and that only one plugin should provide."""

    kind: Kind
    flavour: Flavour | None
    name: str

    def __str__(self) -> str:
        flavour = "" if self.flavour is None else f" ({self.flavour})"
        if self.kind == "URL scheme":
            return f"client manager for {self.name}:// URLs{flavour}"
        if self.kind == "application type":
            return f"attachment for {self.name}{flavour}"
        return f"{self.kind} {self.name!r}{flavour}"


@dataclass(eq=False, slots=True)
class Plugin:
    """A plugin that was found, whatever became of it."""

    name: str
    """Name of its entry point, or of its module."""

    source: Source
    """How it was found."""

    module: str
    """Where its hooks are: a module, or `module:attribute`."""

    dist: str = ""
    """Distribution that it came with; empty for one that was passed explicitly."""

    version: str = ""
    """Version of the distribution."""

    implementation: object = None
    """The module or object that has the hooks, once imported."""

    observes: bool = False
    """Whether it wants to see new servers."""

    entries: list[Entry] = field(default_factory=list)
    """What it declared, also if it turned out to be broken after that."""

    disabled: bool = False
    """Whether it is switched off, and so was not imported."""

    error: BaseException | None = None
    """Why it is broken."""

    def __str__(self) -> str:
        return f"{self.name!r} ({self.origin})"

    @property
    def origin(self) -> str:
        """Distribution and version, or the module."""
        return f"{self.dist} {self.version}" if self.dist else self.module

    def answers_to(self) -> Iterator[Key]:
        """Yield everything that its entries answer to."""
        for entry in self.entries:
            yield from keys_of(entry)


def keys_of(entry: Entry) -> Iterator[Key]:
    """Yield everything that an entry answers to."""
    match entry:
        case TransportEntry():
            yield Key("transport", entry.flavour, entry.name)
        case AsyncModeEntry():
            yield Key("async mode", entry.flavour, entry.name)
        case AttachmentEntry():
            yield Key("attachment", entry.flavour, entry.name)
            for app_type in entry.app_types:
                yield Key("application type", entry.flavour, app_type)
        case ClientManagerEntry():
            # Kombu and aio-pika both serve amqp://, each in its own flavour.
            for flavour in entry.flavours:
                yield Key("client manager", flavour, entry.name)
                for scheme in entry.schemes:
                    yield Key("URL scheme", flavour, scheme)
        case _:
            yield Key("serializer", None, entry.name)


class Claim(NamedTuple):
    """An entry and the plugin that it came from."""

    entry: Entry
    plugin: Plugin


class Conflict(NamedTuple):
    """Several plugins that provide the same."""

    keys: list[Key]
    """What they all provide."""

    providers: list[Plugin]
    """Who they are."""

    winner: Plugin | None
    """The one that is used all the same, having been passed explicitly or being built in."""


class Claims:
    """The entries of the plugins of one layer.

    There are two layers: the built-ins and what was passed explicitly; and the entry points. What
    the first one has is never looked for in the second, so that the answer does not depend on
    whether the entry points have been read already.
    """

    def __init__(self) -> None:
        self._claims: dict[Key, list[Claim]] = {}

    def add(self, plugin: Plugin) -> None:
        """Add all entries of a plugin."""
        for entry in plugin.entries:
            for key in keys_of(entry):
                self._claims.setdefault(key, []).append(Claim(entry, plugin))

    def remove(self, plugin: Plugin) -> None:
        """Remove all entries of a plugin."""
        for key in plugin.answers_to():
            left = [claim for claim in self._claims.get(key, []) if claim.plugin is not plugin]
            if left:
                self._claims[key] = left
            else:
                self._claims.pop(key, None)

    def find(self, key: Key) -> list[Claim]:
        """Return what answers to a key; more than one claim is a conflict."""
        return self._claims.get(key, [])

    def all_keys(self) -> list[Key]:
        """Return all keys that something answers to."""
        return list(self._claims)
