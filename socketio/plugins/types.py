"""What a plugin yields from its hooks: one frozen dataclass for each kind of thing.

An entry is a name and a loader. The loader imports what it needs when the entry has been chosen,
so declaring an entry costs nothing and pulls nothing in. A field that holds something impossible
is refused when the entry is made, with the name of the field and what belongs there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "AsyncModeEntry",
    "AttachmentEntry",
    "ClientManagerEntry",
    "Entry",
    "Flavour",
    "SerializerEntry",
    "TransportEntry",
]

Flavour: TypeAlias = Literal["async", "sync"]
"""Which servers an entry is for: ``'async'`` for ``AsyncServer``, ``'sync'`` for ``Server``."""

FLAVOURS: tuple[Flavour, Flavour] = ("async", "sync")
"""Both flavours, in the order in which they are listed."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_QUALIFIED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def _always() -> bool:
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class TransportEntry:
    """A way for packets to travel between a client and this server.

    Engine.IO protocol, section "Transports".

    Args:
        name: What clients put into the ``transport`` query parameter.
        flavour: The servers it is for.
        load_server: Imports and returns the class of the server's side of the transport.
        upgrades_from: Names of the transports that a session may leave for this one.
    """

    name: str
    flavour: Flavour
    load_server: Callable[[], type]
    upgrades_from: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self, self.name)
        _check_flavour(self, self.flavour)
        _check_callable(self, "load_server", self.load_server)
        _check_tuple(self, "upgrades_from", self.upgrades_from, _NAME)
        if self.name in self.upgrades_from:
            raise ValueError(
                f"TransportEntry.upgrades_from of {self.name!r} names the transport itself; "
                "leave it out"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class AsyncModeEntry:
    """What runs the server's code: an event loop or threads, with a web server's glue.

    Args:
        name: The value of the server's ``async_mode`` argument.
        flavour: The servers it is for.
        load: Imports and returns the mode.
        detect: Tells whether the mode can work here; called only when the mode is to be chosen
            without being asked for.
        rank: Among the modes that can work, the lowest rank is chosen.
        install: What to pip install when the mode's own dependencies are missing.
    """

    name: str
    flavour: Flavour
    load: Callable[[], object]
    detect: Callable[[], bool] = _always
    rank: int = 100
    install: str = ""

    def __post_init__(self) -> None:
        _check_name(self, self.name)
        _check_flavour(self, self.flavour)
        _check_callable(self, "load", self.load)
        _check_callable(self, "detect", self.detect)
        if not isinstance(self.rank, int):
            raise TypeError(f"AsyncModeEntry.rank must be an int, not {self.rank!r}")
        _check_install(self, self.install)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentEntry:
    """How a server becomes part of an application of some framework.

    Args:
        name: What the framework is called in messages.
        app_types: Fully qualified names of the application classes, such as
            ``'fastapi.applications.FastAPI'``. They are compared with the names of the classes in
            ``type(app).__mro__``, so that no framework is imported to find out that it is not the
            one. ``'builtins.object'`` takes every application that nothing else takes.
        load: Imports and returns the attachment.
        flavour: The servers it is for. Both flavours may take the same application class.
        install: What to pip install when the attachment's own dependencies are missing.
    """

    name: str
    app_types: tuple[str, ...]
    load: Callable[[], object]
    flavour: Flavour
    install: str = ""

    def __post_init__(self) -> None:
        _check_name(self, self.name)
        _check_tuple(self, "app_types", self.app_types, _QUALIFIED_NAME, at_least_one=True)
        _check_callable(self, "load", self.load)
        _check_flavour(self, self.flavour)
        _check_install(self, self.install)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientManagerEntry:
    """How a server knows the clients of other processes.

    Args:
        name: What the manager is called; ``socketio.RedisManager`` asks for ``'redis'``.
        schemes: URL schemes for which ``Server(client_manager=url)`` picks this manager.
        load_sync: Imports and returns the manager class for ``Server``; none if there is none.
        load_async: Imports and returns the manager class for ``AsyncServer``; none if there is
            none.
    """

    name: str
    schemes: tuple[str, ...]
    load_sync: Callable[[], type] | None = None
    load_async: Callable[[], type] | None = None

    def __post_init__(self) -> None:
        _check_name(self, self.name)
        _check_tuple(self, "schemes", self.schemes, _SCHEME)
        if self.load_sync is None and self.load_async is None:
            raise ValueError(
                f"ClientManagerEntry {self.name!r} loads nothing; give it load_sync or load_async"
            )
        if self.load_sync is not None:
            _check_callable(self, "load_sync", self.load_sync)
        if self.load_async is not None:
            _check_callable(self, "load_async", self.load_async)

    @property
    def flavours(self) -> tuple[Flavour, ...]:
        """The flavours that have a loader."""
        loaders = {"async": self.load_async, "sync": self.load_sync}
        return tuple(flavour for flavour in FLAVOURS if loaders[flavour] is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class SerializerEntry:
    """How Socket.IO packets become bytes or text.

    Args:
        name: The value of the server's or client's ``serializer`` argument.
        load: Imports and returns the packet class.
    """

    name: str
    load: Callable[[], object]

    def __post_init__(self) -> None:
        _check_name(self, self.name)
        _check_callable(self, "load", self.load)


Entry: TypeAlias = (
    TransportEntry | AsyncModeEntry | AttachmentEntry | ClientManagerEntry | SerializerEntry
)
"""Any of the five."""


def _field(entry: object, field: str) -> str:
    return f"{type(entry).__name__}.{field}"


def _check_name(entry: object, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{_field(entry, 'name')} must be a str, not {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{_field(entry, 'name')} must be made of lower case letters, digits and _ . + -, "
            f"not {name!r}"
        )


def _check_flavour(entry: object, flavour: object) -> None:
    if flavour not in FLAVOURS:
        raise ValueError(f"{_field(entry, 'flavour')} must be 'async' or 'sync', not {flavour!r}")


def _check_callable(entry: object, field: str, value: object) -> None:
    if not callable(value):
        raise TypeError(
            f"{_field(entry, field)} must be a function that imports and returns the thing, "
            f"not {value!r}"
        )


def _check_tuple(
    entry: object,
    field: str,
    value: object,
    pattern: re.Pattern[str],
    *,
    at_least_one: bool = False,
) -> None:
    # ('redis') is a str and not a tuple, and iterating over it would yield letters.
    if not isinstance(value, tuple):
        raise TypeError(f"{_field(entry, field)} must be a tuple such as ('x',), not {value!r}")
    for item in value:
        if not isinstance(item, str) or not pattern.fullmatch(item):
            raise ValueError(
                f"{_field(entry, field)} has {item!r}, which does not match {pattern.pattern}"
            )
    if len(set(value)) != len(value):
        raise ValueError(f"{_field(entry, field)} repeats an item: {value!r}")
    if at_least_one and not value:
        raise ValueError(f"{_field(entry, field)} must name at least one")


def _check_install(entry: object, install: object) -> None:
    if not isinstance(install, str):
        raise TypeError(f"{_field(entry, 'install')} must be a str, not {install!r}")
