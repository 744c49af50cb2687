"""The options of an engine as its attributes, which applications read and assign.

An assignment is checked as the constructor's arguments are, and holds from the next handshake on:
what a session has told its client stays true. An attribute that does not exist is an error, because
it would be set without any effect.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Generic, NoReturn, TypeVar, overload

from .config import EngineConfig

T = TypeVar("T")

DEFAULT_TRANSPORTS = ("polling", "websocket")
"""The transports that a server offers of itself."""


class FixedList(list[T]):
    """The list that an option is, as it is read: equal to it, and not to be changed in place.

    What is derived from an option is derived when it is assigned.
    """

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("a list that is an option cannot be changed in place: assign another one")

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __imul__ = _refuse

    def __iadd__(self, other: Iterable[T]) -> list[T]:  # type: ignore[override,misc]  # to be assigned
        return [*self, *other]

    def __reduce_ex__(self, protocol: object) -> tuple[type[list[T]], tuple[list[T]]]:
        return list, ([*self],)  # a copy is a list of its owner's


class Option(Generic[T]):
    """An option as an attribute.

    Args:
        field: The field of `EngineConfig`; None: it has the attribute's name.
    """

    def __init__(self, field: str | None = None) -> None:
        self._field = field or ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._field = self._field or name

    @overload
    def __get__(self, engine: None, owner: type) -> Option[T]: ...

    @overload
    def __get__(self, engine: EngineOptions, owner: type) -> T: ...

    def __get__(self, engine: EngineOptions | None, owner: type) -> Any:
        if engine is None:
            return self
        value = getattr(engine.config, self._field)
        if isinstance(value, list):
            return FixedList(value)
        return frozenset(value) if isinstance(value, set) else value

    def __set__(self, engine: EngineOptions, value: Any) -> None:
        engine.configure(**{self._field: value})


class TransportsOption(Option[Any]):
    """The names of the transports: those that are served when none were named, too."""

    def __get__(self, engine: Any, owner: type) -> Any:
        named = super().__get__(engine, owner)
        return FixedList(named or DEFAULT_TRANSPORTS) if engine is not None else named


class EngineOptions:
    """The part of an engine that applications configure by its attributes."""

    config: EngineConfig
    event_names = ("connect", "disconnect", "message")
    valid_transports = DEFAULT_TRANSPORTS
    compression_methods = ("gzip", "deflate")
    _complete = False
    """Whether all attributes are there, so that another one is a mistake."""

    ping_interval = Option[Any]()
    ping_interval_grace_period = Option[float]("interval_grace")
    ping_timeout = Option[float]()
    max_http_buffer_size = Option[int]()
    allow_upgrades = Option[bool]()
    http_compression = Option[bool]()
    compression_threshold = Option[int]()
    cookie = Option[Any]()
    cors_allowed_origins = Option[Any]()
    cors_credentials = Option[bool]()
    check_origin = Option[bool]()
    monitor_clients = Option[bool]()
    start_service_task = Option[bool]("monitor_clients")
    transports = TransportsOption()
    subprotocols = Option[Any]()
    upgrade_timeout = Option[float]()
    body_timeout = Option[float]()
    connect_timeout = Option[float]()
    close_timeout = Option[float]()
    outbox_high_water = Option[int]()
    max_outbox_size = Option[int]()
    max_head_size = Option[int]()
    inbox_high_water = Option[int]()
    stall_timeout = Option[float]()
    slow_client_policy = Option[str]()
    max_inbox_size = Option[int]()
    handler_threads = Option[int]()

    def complete(self) -> None:
        """Refuse attributes that do not exist from now on."""
        self._complete = True

    def configure(self, **options: Any) -> None:
        """Change options; they hold from the next handshake on.

        Args:
            **options: Fields of `EngineConfig`, all but `async_mode`.

        Raises:
            TypeError: A name that does not exist, or a value of the wrong type.
            ValueError: A value out of range.
            PluginError: A transport that is not installed.
        """
        config = self.config.changed(f"{type(self).__name__}.configure()", options)
        self._use_config(config)
        self.config = config

    def _use_config(self, config: EngineConfig) -> None:
        """Take over what is derived from options."""
        raise NotImplementedError

    def __setattr__(self, name: str, value: Any) -> None:
        if self._complete and name not in vars(self) and not hasattr(type(self), name):
            self._refuse(name)
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> NoReturn:
        self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        close = []
        if not name.startswith("_"):
            names = {*vars(self), *dir(type(self))}
            close = difflib.get_close_matches(
                name, sorted(known for known in names if not known.startswith("_")), n=1
            )
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}{hint}", name=name, obj=self
        )
