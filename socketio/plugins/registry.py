"""Finds what a name stands for, among the built-ins, what was passed, and what is installed."""

from __future__ import annotations

import functools
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from socketio._version import __version__
from socketio.exceptions import PluginError, PluginWarning

from . import discovery, messages
from .claims import Claims, Conflict, Key, Kind, Plugin, Source, keys_of
from .first_party import CATCH_ALL, NEEDS_ATTACHMENT
from .hookspec import plugin_manager
from .report import PluginReport, report_on
from .types import (
    FLAVOURS,
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    Entry,
    Flavour,
    SerializerEntry,
    TransportEntry,
)

__all__ = ["PluginRegistry", "get_registry"]

E = TypeVar("E", bound=Entry)
T = TypeVar("T")

_BUILTIN = "socketio.builtin.plugin"

_warned: set[str] = set()  # of this process: several registries see the same plugins


class PluginRegistry:
    """Knows every plugin and what each provides.

    A name is looked for among the built-ins and the plugins passed here; only if it is not there,
    or if everything is listed, the installed entry points are read, once. A plugin that is broken
    is warned about once and harms no other; asking for what it provides raises `PluginError`.

    Args:
        plugins: Plugin modules, for programs whose metadata is not installed (frozen ones) and for
            tests. They have precedence over installed ones.

    Raises:
        PluginError: One of `plugins` is broken.
        TypeError: `plugins` is no list of modules or objects.
    """

    def __init__(self, plugins: Iterable[object] = ()) -> None:
        _check_plugins(plugins)
        self._lock = threading.RLock()
        self._manager = plugin_manager()
        self._plugins: list[Plugin] = []
        self._given = Claims()
        self._installed = Claims()
        self._discovered = False
        # By name: the built-ins are declared in a higher layer.
        builtin = Plugin(name="builtin", source="built-in", module=_BUILTIN)
        builtin.dist, builtin.version = "socketio", __version__
        self._add_given(builtin, import_module(_BUILTIN))
        for implementation in plugins:
            name = getattr(implementation, "__name__", type(implementation).__qualname__)
            plugin = Plugin(name=name, source="explicit", module=name)
            if not self._manager.is_registered(implementation):
                self._add_given(plugin, implementation)

    # -- lookups ------------------------------------------------------------------------------

    def transport(self, name: str, flavour: Flavour) -> TransportEntry:
        """Return a transport.

        Args:
            name: Its name, such as `'websocket'`.
            flavour: `'async'` or `'sync'`.

        Raises:
            PluginError: It is missing, disabled, broken or provided twice.
        """
        return self._get(TransportEntry, Key("transport", flavour, name))

    def transports(self, flavour: Flavour) -> list[TransportEntry]:
        """Return all transports of a flavour, the built-in ones first."""
        return self._list(TransportEntry, "transport", flavour)

    def async_mode(self, name: str, flavour: Flavour) -> AsyncModeEntry:
        """Return an async mode.

        Args:
            name: Its name, such as `'asgi'`.
            flavour: `'async'` or `'sync'`.

        Raises:
            PluginError: It is missing, disabled, broken or provided twice.
        """
        return self._get(AsyncModeEntry, Key("async mode", flavour, name))

    def async_modes(self, flavour: Flavour) -> list[AsyncModeEntry]:
        """Return all async modes of a flavour, those to prefer first."""
        modes = self._list(AsyncModeEntry, "async mode", flavour)
        return sorted(modes, key=lambda mode: (mode.rank, mode.name))

    def attachments(self, flavour: Flavour) -> list[AttachmentEntry]:
        """Return all attachments of a flavour, the built-in ones first."""
        return self._list(AttachmentEntry, "attachment", flavour)

    def attachment_for(self, app: object, flavour: Flavour) -> AttachmentEntry:
        """Return the attachment for an application.

        The one for the most derived class of the application is taken. An attachment for
        `builtins.object` is taken only if no plugin has one for any other class.

        Args:
            app: The application.
            flavour: `'async'` or `'sync'`.

        Raises:
            PluginError: It is missing, disabled, broken or provided twice.
        """
        types = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(app).__mro__]
        keys = [Key("application type", flavour, name) for name in types if name != CATCH_ALL]
        entry = self._find(AttachmentEntry, *keys)
        if entry is not None:
            return entry
        # The catch-all must not hide that the right one is broken, or that none will do.
        for key in keys:
            suspect = messages.find_suspect(key, self._plugins)
            if (suspect and suspect.error) or key.name.partition(".")[0] in NEEDS_ATTACHMENT:
                raise self._unavailable(key)
        catch_all = Key("application type", flavour, CATCH_ALL)
        entry = self._find(AttachmentEntry, catch_all)
        if entry is None:
            raise self._unavailable(*keys, catch_all)
        return entry

    def client_manager(self, url: str, flavour: Flavour | None = None) -> ClientManagerEntry:
        """Return the client manager for a URL.

        Args:
            url: The URL, or only its scheme, such as `'redis'`.
            flavour: `'async'` or `'sync'` if the entry must have a loader for it. Without it, and
                where one plugin serves the scheme in one flavour and another in the other, the
                entry has the loaders of both.

        Raises:
            PluginError: It is missing, disabled, broken or provided twice; or this is no URL.
        """
        scheme, _, _ = url.partition("://")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
            # Not shown: there may be a password in it.
            raise PluginError(
                "the client manager's URL has no scheme; it should look like redis://localhost:6379"
            )
        return self._get_manager("URL scheme", scheme.lower(), flavour)

    def client_manager_named(self, name: str, flavour: Flavour | None = None) -> ClientManagerEntry:
        """Return the client manager of a name.

        Args:
            name: Its name, such as `'redis'`.
            flavour: As for `client_manager`.

        Raises:
            PluginError: It is missing, disabled, broken or provided twice.
        """
        return self._get_manager("client manager", name, flavour)

    def serializer(self, name: str) -> SerializerEntry:
        """Return a serializer.

        Args:
            name: Its name, such as `'msgpack'`.

        Raises:
            PluginError: It is missing, disabled, broken or provided twice.
        """
        return self._get(SerializerEntry, Key("serializer", None, name))

    def load(self, entry: Entry, flavour: Flavour | None = None) -> object:
        """Call the loader of an entry, and say what to install if it needs something.

        Args:
            entry: What a lookup returned.
            flavour: Which loader of a client manager that has two; the others have one only.

        Raises:
            PluginError: It needs something that is not installed, or has no such loader.
            TypeError: A client manager has two loaders, and no flavour was given.
        """
        key = next(keys_of(entry))
        loader: Callable[[], object] | None
        match entry:
            case TransportEntry():
                loader = entry.load_server
            case ClientManagerEntry():
                if flavour is None and len(entry.flavours) > 1:
                    raise TypeError(f"the {key._replace(flavour=None)} needs a flavour to load")
                key = key._replace(flavour=flavour or entry.flavours[0])
                loader = entry.load_sync if key.flavour == "sync" else entry.load_async
            case _:
                loader = entry.load
        if loader is None:
            raise self._unavailable(key)
        try:
            return loader()
        except ImportError as error:
            raise messages.not_loadable(key, error, getattr(entry, "install", "")) from error

    def load_object(self, entry: AsyncModeEntry | AttachmentEntry, base: type[T]) -> T:
        """Load what an entry stands for, which has to be an object of a class.

        Args:
            entry: What a lookup returned.
            base: The class.

        Raises:
            PluginError: It cannot be loaded, or is something else.
        """
        loaded = self.load(entry)
        if not isinstance(loaded, base):
            raise messages.wrong_thing(
                next(keys_of(entry)), loaded, f"an object of {base.__name__}"
            )
        return loaded

    def load_class(
        self,
        entry: TransportEntry | ClientManagerEntry | SerializerEntry,
        base: type[T],
        flavour: Flavour | None = None,
    ) -> type[T]:
        """Load what an entry stands for, which has to be a subclass of a class.

        Args:
            entry: What a lookup returned.
            base: The class.
            flavour: Which loader of a client manager that has two.

        Raises:
            PluginError: It cannot be loaded, or is something else.
        """
        loaded = self.load(entry, flavour)
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise messages.wrong_thing(
                next(keys_of(entry)), loaded, f"a subclass of {base.__name__}"
            )
        return loaded

    def server_created(self, server: object) -> None:
        """Show a new server to the plugins that want to see it.

        The entry points are read for it, since an observer cannot be missed by name.

        Args:
            server: The server.

        Raises:
            PluginError: An observer that was passed explicitly raised, or any one did and
                `SOCKETIO_STRICT_PLUGINS` is set.
        """
        self._discover()
        for hookimpl in reversed(self._manager.hook.socketio_server_created.get_hookimpls()):
            try:
                hookimpl.function(*([server] if hookimpl.argnames else []))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # such as the panic of a Rust extension
                self._break(hookimpl.plugin, error)

    def report(self) -> list[PluginReport]:
        """Return what there is to say about every plugin; raises and warns about nothing."""
        self._read_entry_points()
        order: list[Source] = ["built-in", "explicit", "entry point"]
        ranked = sorted(self._plugins, key=lambda plugin: (order.index(plugin.source), plugin.name))
        conflicts = self._conflicts()
        return [report_on(plugin, conflicts) for plugin in ranked]

    # -- finding ------------------------------------------------------------------------------

    def _layers(self) -> Iterator[Claims]:
        yield self._given
        self._discover()
        yield self._installed

    def _find(self, entry_type: type[E], *keys: Key) -> E | None:
        for claims in self._layers():
            for key in keys:
                found = claims.find(key)
                if len(found) > 1:
                    raise messages.conflict(key, [claim.plugin for claim in found])
                if found:
                    entry = found[0].entry
                    assert isinstance(entry, entry_type)
                    return entry
        return None

    def _get(self, entry_type: type[E], key: Key) -> E:
        entry = self._find(entry_type, key)
        if entry is None:
            raise self._unavailable(key)
        return entry

    def _get_manager(self, kind: Kind, name: str, flavour: Flavour | None) -> ClientManagerEntry:
        keys = [Key(kind, each, name) for each in ([flavour] if flavour else FLAVOURS)]
        found = {key.flavour: self._find(ClientManagerEntry, key) for key in keys}
        entries = {entry.name: entry for entry in found.values() if entry is not None}
        if not entries:
            raise self._unavailable(*keys)
        if len(entries) == 1:
            return next(iter(entries.values()))
        in_sync, in_async = found["sync"], found["async"]
        assert in_sync is not None
        assert in_async is not None
        return ClientManagerEntry(
            name="+".join(entries),
            schemes=tuple(scheme for scheme in in_sync.schemes if scheme in in_async.schemes),
            load_sync=in_sync.load_sync,
            load_async=in_async.load_async,
        )

    def _list(self, entry_type: type[E], kind: Kind, flavour: Flavour) -> list[E]:
        entries: dict[str, E] = {}
        contested: set[str] = set()  # each a warning already; an error when it is asked for
        for claims in self._layers():
            for key in claims.all_keys():
                if (key.kind, key.flavour) != (kind, flavour) or key.name in {*entries, *contested}:
                    continue
                found = claims.find(key)
                entry = found[0].entry
                if len(found) == 1 and isinstance(entry, entry_type):
                    entries[key.name] = entry
                else:
                    contested.add(key.name)
        return list(entries.values())

    def _unavailable(self, *keys: Key) -> PluginError:
        for key in keys:
            suspect = messages.find_suspect(key, self._plugins)
            if suspect is not None:
                make = messages.broken if suspect.error else messages.disabled
                return make(key, suspect)
        return messages.missing(keys, self._plugins)

    # -- filling ------------------------------------------------------------------------------

    def _add_given(self, plugin: Plugin, implementation: object) -> None:
        discovery.read(self._manager, plugin, implementation)
        if plugin.error is not None:
            raise messages.broken_plugin(plugin)
        self._plugins.append(plugin)
        self._given.add(plugin)

    def _discover(self) -> None:
        self._read_entry_points()
        broken = [plugin for plugin in self._plugins if plugin.error]
        if broken and discovery.is_strict():
            raise messages.all_broken(broken)
        for plugin in broken:
            _warn_once(messages.broken_warning(plugin))
        for conflict in self._conflicts():
            _warn_once(messages.conflict_warning(conflict))

    def _read_entry_points(self) -> None:
        with self._lock:
            if self._discovered:
                return
            # First, because a plugin that asks for something while it is imported comes back here.
            self._discovered = True
            # Sorted, because a folder lists its distributions in no particular order.
            found = discovery.installed_plugins()
            for plugin, load in sorted(found, key=lambda each: (each[0].name, each[0].dist)):
                self._add_installed(plugin, load)

    def _add_installed(self, plugin: Plugin, load: Callable[[], object]) -> None:
        if plugin.error is None and not plugin.disabled:
            try:
                implementation = load()
            except discovery.BROKEN as error:
                plugin.error = error
            else:
                known = self._known(implementation)
                if known is not None:  # it was passed explicitly, or has two entry points
                    known.dist = known.dist or plugin.dist
                    known.version = known.version or plugin.version
                    return
                discovery.read(self._manager, plugin, implementation)
        self._plugins.append(plugin)
        if plugin.error is None:
            self._installed.add(plugin)

    def _known(self, implementation: object) -> Plugin | None:
        for plugin in self._plugins:
            if plugin.implementation is implementation:
                return plugin
        return None

    def _break(self, implementation: object, error: BaseException) -> None:
        plugin = self._known(implementation)
        assert plugin is not None  # only what was read is registered
        plugin.error = error
        if plugin.source != "entry point":
            raise messages.broken_plugin(plugin)
        with self._lock:
            self._manager.unregister(implementation)
            self._installed.remove(plugin)
        self._discover()  # which warns of it, or raises

    def _conflicts(self) -> list[Conflict]:
        """Return the contested keys, those with the same providers together."""
        conflicts: dict[tuple[int, ...], Conflict] = {}
        for claims in (self._given, self._installed):
            for key in claims.all_keys():
                rivals = [claim.plugin for claim in claims.find(key)]
                winners = [claim.plugin for claim in self._given.find(key)]
                winner = winners[0] if claims is self._installed and len(winners) == 1 else None
                if winner is not None:
                    rivals.insert(0, winner)
                if len(rivals) > 1:
                    conflict = Conflict([], rivals, winner)
                    conflicts.setdefault(tuple(map(id, rivals)), conflict).keys.append(key)
        return list(conflicts.values())


def get_registry(plugins: Iterable[object] = ()) -> PluginRegistry:
    """Return the registry of this process, made when it is first asked for.

    Args:
        plugins: Plugin modules to pass to it; each combination has a registry of its own.
    """
    _check_plugins(plugins)
    return _registry_with(tuple(plugins))


def _check_plugins(plugins: object) -> None:
    if isinstance(plugins, str | ModuleType) or not isinstance(plugins, Iterable):
        raise TypeError(f"plugins= takes a list of plugin modules or objects, not {plugins!r}")
    if isinstance(plugins, Sequence):
        for plugin in plugins:
            if isinstance(plugin, str):
                raise TypeError(f"plugins= takes modules, not names: import {plugin!r} and pass it")


@functools.cache
def _registry_with(plugins: tuple[object, ...]) -> PluginRegistry:
    return PluginRegistry(plugins)


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, PluginWarning, stacklevel=2)
