"""The application's event handlers, and which one an event belongs to.

Called by servers and clients when a handler is registered and when an event arrives; it knows
functions and their signatures, and nothing of connections.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ..protocol.surrogates import replace_surrogates

CATCH_ALL: Final = "*"

MAX_CACHED_NAME: Final = 200
"""Characters of a namespace and an event for which the choice of a handler is remembered."""

_ANYTHING: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

Function = Callable[..., Any]

F = TypeVar("F", bound=Function)
"""A handler, which its decorator gives back as it was."""


class Handler:
    """A registered function, with what must be known to call it.

    Args:
        function: The application's function.
        prefix: Arguments that go before those of the event (the names behind a catch-all).
        legacy: Whether the function takes one argument less than the event has (`connect`
            without auth, `disconnect` without a reason).
    """

    __slots__ = ("function", "is_coroutine", "legacy", "prefix")

    def __init__(
        self, function: Function, prefix: tuple[Any, ...] = (), legacy: bool = False
    ) -> None:
        self.function = function
        self.prefix = prefix
        self.legacy = legacy
        self.is_coroutine = is_coroutine_function(function)


def is_coroutine_function(function: Any) -> bool:
    """Tell whether calling an object gives a coroutine, whatever it is wrapped in."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # not a test for being callable
    )


def positional_range(function: Function) -> tuple[int, float] | None:
    """Return the fewest and the most positional arguments a function takes; None: unknown.

    A wrapper that hands everything on takes what the function within takes; any other wrapper
    has arguments of its own.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)
        if all(parameter.kind in _ANYTHING for parameter in signature.parameters.values()):
            signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have no signature
        return None
    parameters = signature.parameters.values()
    fewest, most = 0, 0.0
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            fewest += parameter.default is parameter.empty
        elif parameter.kind is parameter.VAR_POSITIONAL:
            most = float("inf")
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(
                f"{function!r} cannot be an event handler: its argument {parameter.name!r} "
                "can only be given by name"
            )
    return fewest, most


def check_arity(function: Function, event: str, counts: tuple[int, ...], names: str) -> int:
    """Refuse a handler that cannot take an event's arguments.

    Args:
        function: The handler.
        event: The event's name, for the message.
        counts: The numbers of arguments it may be called with, the best first.
        names: What the arguments are, for the message.

    Returns:
        The first of `counts` that the handler takes.

    Raises:
        TypeError: It takes none of them.
    """
    bounds = positional_range(function)
    if bounds is None:
        return counts[0]
    for count in counts:
        if bounds[0] <= count <= bounds[1]:
            return count
    raise TypeError(f"the handler {function!r} of {event!r} must take the arguments ({names})")


def check_minimum(function: Function, event: str, count: int, names: str) -> None:
    """Refuse a handler that takes fewer arguments than every event has.

    Raises:
        TypeError: It does.
    """
    bounds = positional_range(function)
    if bounds is not None and bounds[1] < count:
        raise TypeError(f"the handler {function!r} of {event!r} must take the arguments ({names})")


def check_event_name(event: object) -> None:
    """Refuse a function in place of the event's name: a decorator without its parentheses.

    Raises:
        TypeError: It is one.
    """
    if callable(event):
        raise TypeError(
            f"on() needs the name of the event, got {event!r}: write @sio.on('name'), or "
            "@sio.event for an event with the name of its function"
        )


def check_outgoing_name(event: object) -> None:
    """Refuse the name of an event with which the other side would end the connection.

    Raises:
        TypeError: It is neither a string nor an integer.
    """
    if not isinstance(event, str | int) or isinstance(event, bool):
        raise TypeError(f"the name of an event must be a string, got {event!r}")


def check_event_arguments(arguments: tuple[Any, ...]) -> None:
    """Refuse the name of an event where `@sio.event` takes that of its function.

    Raises:
        TypeError: There is one.
    """
    if arguments and isinstance(arguments[0], str):
        raise TypeError(
            f"@sio.event takes the name of its function: write @sio.on({arguments[0]!r})"
        )


def check_namespace(namespace: str) -> str:
    """Return the name of a namespace, unless no client or server can have it.

    Raises:
        ValueError: It does not begin with a slash, or has a lone surrogate in it.
    """
    if namespace != CATCH_ALL and not namespace.startswith("/"):
        raise ValueError(f"the namespace {namespace!r} must begin with a slash: '/{namespace}'")
    if replace_surrogates(namespace) != namespace:
        raise ValueError(
            f"the namespace {namespace!r} has a lone surrogate, which arrives as another name: "
            "the header of a packet is UTF-8 without escapes; choose a name of whole characters"
        )
    return namespace


def refuse_coroutine_function(function: Function, event: str, instead: str) -> None:
    """Refuse a coroutine function as a handler where nothing awaits it.

    Args:
        function: The handler.
        event: The event's name, for the message.
        instead: What would await it.

    Raises:
        TypeError: It is a coroutine function.
    """
    if is_coroutine_function(function):
        raise TypeError(
            f"the handler of {event!r} is a coroutine function, which needs {instead}; "
            "write `def` instead of `async def`, or use that"
        )


class HandlerTable:
    """Functions by namespace and event, class-based namespaces by name, and how to choose.

    A function wins over a class, an exact name over a catch-all, an exact namespace over the
    catch-all namespace.

    Args:
        reserved: Events of the life cycle, which no catch-all receives.
    """

    def __init__(self, reserved: frozenset[str]) -> None:
        self.functions: dict[str, dict[Any, Function]] = {}
        self.classes: dict[str, Any] = {}
        self._reserved = reserved
        self._legacy: set[tuple[str, Any]] = set()
        self._chosen: dict[tuple[str, Any], Handler | None] = {}

    def add(self, namespace: str, event: Any, function: Function, legacy: bool = False) -> None:
        """Register a function; it replaces the one that was there."""
        self.functions.setdefault(check_namespace(namespace), {})[event] = function
        (self._legacy.add if legacy else self._legacy.discard)((namespace, event))
        self._chosen.clear()

    def add_class(self, namespace: str, handler: Any) -> None:
        """Register a class-based namespace; it replaces the one that was there."""
        self.classes[check_namespace(namespace)] = handler
        self._chosen.clear()

    def __contains__(self, namespace: str) -> bool:
        """Whether a namespace has any handler of its own."""
        return namespace in self.functions or namespace in self.classes

    def names(self) -> list[str]:
        """Return the namespaces that have handlers, without the catch-all."""
        return [name for name in (self.functions | self.classes) if name != CATCH_ALL]

    def find(self, namespace: str, event: Any) -> Handler | None:
        """Return the function that an event belongs to, or None."""
        try:
            return self._chosen[namespace, event]
        except KeyError:
            handler = self._choose(namespace, event)
            # Names come from clients: the cache is bounded in entries and in characters.
            if len(self._chosen) < 1000 and len(namespace) + len(str(event)) <= MAX_CACHED_NAME:
                self._chosen[namespace, event] = handler
            return handler

    def _choose(self, namespace: str, event: Any) -> Handler | None:
        for place, before in ((namespace, ()), (CATCH_ALL, (namespace,))):
            functions = self.functions.get(place)
            if functions is None or (place == CATCH_ALL and namespace == CATCH_ALL):
                continue
            # A client that sends the event `*` means no catch-all handler: that gets it by name.
            if event in functions and event != CATCH_ALL:
                return Handler(functions[event], before, (place, event) in self._legacy)
            if event not in self._reserved and CATCH_ALL in functions:
                return Handler(functions[CATCH_ALL], (event, *before))
        return None

    def find_class(self, namespace: str) -> tuple[Any, tuple[Any, ...]] | None:
        """Return the class-based namespace of a name and the arguments to put first."""
        if namespace in self.classes:
            return self.classes[namespace], ()
        if CATCH_ALL in self.classes:
            return self.classes[CATCH_ALL], (namespace,)
        return None
