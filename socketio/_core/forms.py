"""What handlers take, and in which form those of the life cycle are called.

`connect` and `disconnect` handlers exist with and without their last argument. A signature says
which, if it can be known. A wrapper that takes `*args` may get anything, whatever it claims to be
and whatever stands behind it: what it hands on is found out at the call.
"""

from __future__ import annotations

import functools
import inspect
import re
import traceback
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, Final, NamedTuple

Function = Callable[..., Any]

_ENDLESS: Final = float("inf")

_TOO_MANY: Final = re.compile(
    r"(\S+)\(\) (?:takes .*positional arguments? but (?P<given>\d+)"
    r"|got multiple values for argument)"
)
_TOO_FEW: Final = re.compile(r"(\S+)\(\) missing \d+ required positional argument")
_UNPACKED: Final = {False: "too many values to unpack", True: "not enough values to unpack"}


class Parameters(NamedTuple):
    """The positional arguments that a function takes."""

    fewest: int
    most: float
    names: tuple[str, ...]
    """Those that have a name of their own, in order."""
    required: tuple[str, ...]
    """Arguments that can only be given by name, and must be."""

    def take(self, count: int) -> bool:
        """Tell whether a number of positional arguments is one that the function takes."""
        return self.fewest <= count <= self.most


class Form:
    """How a life cycle handler is called: with all arguments, or without the last one.

    Args:
        shorter: Whether the last argument is left out.
        certain: Whether the handler's signature says so. If not, a call that could not be bound
            is made again in the other form, which then stays.
    """

    __slots__ = ("certain", "shorter")

    def __init__(self, shorter: bool = False, certain: bool = False) -> None:
        self.shorter = shorter
        self.certain = certain


def own_parameters(function: Function) -> Parameters | None:
    """Return what a callable itself takes, not what it wraps; None: it cannot be known."""
    try:
        bare = _change_inside(function, _without_claims)
        signature = inspect.signature(bare, follow_wrapped=False)
    except (TypeError, ValueError):  # some builtins have no signature
        return None
    fewest, most = 0, 0.0
    names: list[str] = []
    required: list[str] = []
    for parameter in signature.parameters.values():
        needed = parameter.default is parameter.empty
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            fewest += needed
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            most = _ENDLESS
        elif parameter.kind is parameter.KEYWORD_ONLY and needed:
            required.append(parameter.name)
    return Parameters(fewest, most, tuple(names), tuple(required))


def _change_inside(function: Any, change: Callable[[Any], Any]) -> Any:
    """Return a callable whose innermost one is changed, behind the same arguments."""
    kind = type(function)  # not by `isinstance`, to which a proxy says that it is what it wraps
    if issubclass(kind, functools.partial):
        inside = _change_inside(function.func, change)
        return functools.partial(inside, *function.args, **function.keywords)
    if kind is MethodType:
        return MethodType(_change_inside(function.__func__, change), function.__self__)
    return change(function)


def _without_claims(function: Any) -> Any:
    """Return a callable with the same parameters that claims no others.

    Decorators copy a signature onto their wrapper (`__wrapped__`, `__signature__`), which says
    what its caller should give, and not what it takes.

    Raises:
        TypeError: It is compiled and wraps something, whose signature is the only one it shows.
    """
    if issubclass(type(function), type):
        return function
    code = _function_of(function)
    if code is None:
        if hasattr(function, "__wrapped__"):
            raise TypeError(f"what {function!r} itself takes cannot be known")
        return function
    copy = FunctionType(
        code.__code__, code.__globals__, code.__name__, code.__defaults__, code.__closure__
    )
    copy.__kwdefaults__ = code.__kwdefaults__
    return copy if code is function else MethodType(copy, function)


def _require_positional(function: Function, parameters: Parameters) -> None:
    if parameters.required:
        raise TypeError(
            f"{function!r} cannot be an event handler: its argument {parameters.required[0]!r} "
            "can only be given by name"
        )


def check_minimum(function: Function, event: str, count: int, names: str) -> None:
    """Refuse a handler that takes fewer arguments than every event has.

    Args:
        function: The handler.
        event: The event's name, for the message.
        count: How many arguments every such event has.
        names: What these are, for the message.

    Raises:
        TypeError: It does.
    """
    parameters = own_parameters(function)
    if parameters is None:
        return
    _require_positional(function, parameters)
    if parameters.most < count:
        raise TypeError(f"the handler {function!r} of {event!r} must take the arguments ({names})")


def choose_form(function: Function, event: str, counts: tuple[int, ...], names: str) -> Form:
    """Choose how a handler of the life cycle is called.

    Args:
        function: The handler.
        event: The event's name, for the message.
        counts: The number of arguments of the full form, then that of the shorter if there is one.
        names: What the arguments are, for the message.

    Raises:
        TypeError: It can be called in none of the forms.
    """
    parameters = own_parameters(function)
    if parameters is None:
        return Form(_guess(function, (), counts) != counts[0], certain=len(counts) == 1)
    _require_positional(function, parameters)
    possible = [count for count in counts if parameters.take(count)]
    if not possible:
        raise TypeError(f"the handler {function!r} of {event!r} must take the arguments ({names})")
    if len(possible) == 1 or parameters.most != _ENDLESS:
        return Form(possible[0] != counts[0], certain=True)
    return Form(_guess(function, parameters.names, counts) != counts[0])


def _guess(function: Function, names: tuple[str, ...], counts: tuple[int, ...]) -> int:
    """Return with how many arguments to call a wrapper that takes any number, at first.

    Args:
        function: The wrapper.
        names: The arguments that it has a name for.
        counts: The numbers there are, the full form's first.
    """
    try:
        within = own_parameters(_change_inside(function, inspect.unwrap))
    except ValueError:  # it wraps itself
        return counts[0]
    if within is None or within.required:  # what else it needs comes from the wrapper
        return counts[0]
    if within.names[: len(names)] == names:
        # The same names: everything is handed on.
        return next((count for count in counts if within.take(count)), counts[0])
    if within.most == 0 and len(names) == counts[-1]:
        # The wrapper keeps what it has names for, and nothing takes what comes after.
        return counts[-1]
    return counts[0]


def _wrappers(function: Any) -> list[FunctionType | None]:
    """Return the functions of which a handler consists, the outermost first; None: compiled."""
    functions: list[FunctionType | None] = []
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        function = _without_arguments(function)
        functions.append(_function_of(function))
        function = getattr(function, "__wrapped__", None)
    return functions


def _without_arguments(function: Any) -> Any:
    """Return what a method or a partial function calls; anything else as it is."""
    while True:
        kind = type(function)
        if issubclass(kind, functools.partial):
            function = function.func
        elif kind is MethodType:
            function = function.__func__
        else:
            return function


def _function_of(function: Any) -> FunctionType | None:
    """Return the function that a call of an object runs; None: it is compiled, or no callable."""
    kind = type(function)
    call = function if kind is FunctionType else getattr(kind, "__call__", None)  # noqa: B004  # to be compared
    return call if type(call) is FunctionType else None


def misses_its_form(function: Function, shorter: bool, error: Exception) -> bool:
    """Tell whether a call failed because the handler is one of the other form.

    That is so only if the handler itself has not begun: a `TypeError` from within its body is
    none of our business, and what it has done must not be done twice.

    Args:
        function: The handler, which was called by our caller.
        shorter: Whether the last argument was left out.
        error: What our caller has caught.
    """
    _ours, *frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    begun = {frame.f_code for frame in frames}
    functions = _wrappers(function)
    within = functions[-1] if len(functions) > 1 else None
    if within is not None and within.__code__ in begun:
        if not _has_any_number(within.__code__):
            return False
        within = None  # perhaps it wraps another one in turn, and does not say so
    if isinstance(error, TypeError):
        match = (_TOO_FEW if shorter else _TOO_MANY).match(str(error))
        if match is None:
            return False
        # A wrapper has the name of what it wraps: that it has begun says nothing.
        called = [each for each in functions if each and each.__qualname__ == match[1]]
        if called and within is not None:
            return any(each.__code__ not in begun for each in called)
        # A wrapper that does not say what it wraps: what has not begun is what it called.
        given = float(match.groupdict().get("given") or _ENDLESS)
        return all(_has_any_number(frame.f_code) for frame in frames) and (
            not frames or (_further_count(frames[-1]) <= given and match[1] in _names(frames[-1]))
        )
    # Wrappers also take `*args` apart themselves.
    if within is None or len(frames) != 1 or isinstance(error, KeyError):
        return False
    if isinstance(error, ValueError):
        return str(error).startswith(_UNPACKED[shorter])
    return shorter and isinstance(error, IndexError)


def _has_any_number(code: CodeType) -> bool:
    """Tell whether a function takes `*args`."""
    return bool(code.co_flags & inspect.CO_VARARGS)


def _further_count(frame: FrameType) -> int:
    """Return how many arguments a frame has in its `*args`."""
    name = inspect.getargvalues(frame).varargs
    values = frame.f_locals.get(name) if name else None
    return len(values) if isinstance(values, tuple) else 0


def _names(frame: FrameType) -> Iterator[str]:
    """Yield the qualified names of the functions that a frame can call.

    Where they stand: in its variables and those around it, in the globals that it refers to, and
    in the attributes of both that it refers to, as a callable object keeps what it wraps.
    """
    names = frame.f_code.co_names
    for value in (*frame.f_locals.values(), *map(frame.f_globals.get, names)):
        # Without running anything: some globals of web frameworks refuse every other question.
        kept = (inspect.getattr_static(value, name, None) for name in (*names, "__wrapped__"))
        for each in (value, *kept):
            function = _function_of(_without_arguments(each))
            if function is not None:
                yield function.__qualname__
