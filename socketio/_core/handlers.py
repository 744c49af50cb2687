"""The application's event handlers, and which one an event belongs to.

It knows functions and their signatures, and nothing of connections.
"""

from __future__ import annotations

import functools
import inspect
from collections import UserDict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TypeVar

from ..protocol.surrogates import replace_surrogates
from .forms import Form

CATCH_ALL: Final = "*"

MAX_CACHED_NAME: Final = 200
"""Characters of a namespace and an event for which the choice of a handler is remembered."""

Function = Callable[..., Any]

F = TypeVar("F", bound=Function)
"""A handler, which its decorator gives back as it was."""


class Handler:
    """A registered function, with what must be known to call it.

    Args:
        function: The application's function.
        prefix: Arguments that go before those of the event (the names behind a catch-all).
        form: How the function is called, if it is a handler of the life cycle that exists in
            two forms (`connect` without auth, `disconnect` without a reason).
    """

    __slots__ = ("form", "function", "is_coroutine", "prefix")

    def __init__(
        self, function: Function, prefix: tuple[Any, ...] = (), form: Form | None = None
    ) -> None:
        self.function = function
        self.prefix = prefix
        self.form = form
        self.is_coroutine = is_coroutine_function(function)


def is_coroutine_function(function: Any) -> bool:
    """Tell whether calling an object gives a coroutine, whatever it is wrapped in."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # not a test for being callable
    )


def name_of(function: Any) -> str:
    """Return the name of the event that a function is the handler of by its own name.

    Raises:
        TypeError: It has none.
    """
    named = function
    while isinstance(named, functools.partial):
        named = named.func
    name = getattr(named, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"{function!r} has no name to be an event's: use @sio.on('name')")
    return name


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


class HandlerMap(UserDict[Any, Any]):
    """A dict that says so when it is changed: programs replace and remove handlers in place.

    Args:
        data: What is in it at first.
        changed: Called after each change, of the dicts in it too.
    """

    def __init__(
        self, data: Mapping[Any, Any] | None = None, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._changed = changed
        super().__init__(data)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, HandlerMap(value, self._changed) if type(value) is dict else value)
        self._changed()

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        self._changed()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        super().setdefault(key, default)
        return self[key]  # of a dict the one that is watched


class HandlerTable:
    """Functions by namespace and event, class-based namespaces by name, and how to choose.

    A function wins over a class, an exact name over a catch-all, an exact namespace over the
    catch-all namespace.

    Args:
        reserved: Events of the life cycle, which no catch-all receives.
    """

    def __init__(self, reserved: frozenset[str]) -> None:
        self._reserved = reserved
        self._forms: dict[tuple[str, Any], tuple[Function, Form]] = {}
        self._chosen: dict[tuple[str, Any], Handler | None] = {}
        self.functions: MutableMapping[str, MutableMapping[Any, Function]] = HandlerMap(
            changed=self._chosen.clear
        )
        self.classes: dict[str, Any] = {}

    def add(self, namespace: str, event: Any, function: Function, form: Form | None = None) -> None:
        """Register a function; it replaces the one that was there."""
        functions = self.functions.setdefault(check_namespace(namespace), {})
        if form is not None:
            self._forms[namespace, event] = function, form
        functions[event] = function

    def add_class(self, namespace: str, handler: Any) -> None:
        """Register a class-based namespace; it replaces the one that was there."""
        self.classes[check_namespace(namespace)] = handler

    def __contains__(self, namespace: str) -> bool:
        """Whether a namespace has any handler of its own."""
        return namespace in self.functions or namespace in self.classes

    def names(self) -> list[str]:
        """Return the namespaces that have handlers, without the catch-all."""
        names = dict.fromkeys((*self.functions, *self.classes))
        return [name for name in names if name != CATCH_ALL]

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
                function = functions[event]
                checked, form = self._forms.get((place, event), (None, None))
                return Handler(function, before, form if checked is function else None)
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
