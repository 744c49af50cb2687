"""Tests of what handlers take when they are wrapped, and of which form they are called in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from socketio._core.forms import Form, choose_form, misses_its_form, own_parameters

ANY = float("inf")


def inner(sid: str, environ: Any) -> None:
    """A handler."""


@functools.wraps(inner)
def transparent(*args: Any, **kwargs: Any) -> Any:
    return inner(*args, **kwargs)


@functools.wraps(inner)
def adapting(sid: str, *args: Any) -> Any:
    return inner(sid, args)


@functools.wraps(inner)
def claiming(*args: Any) -> Any:
    return inner(*args)


claiming.__signature__ = "a lie"  # type: ignore[attr-defined]  # decorators do so


class Decorator:
    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


class Methods:
    @Decorator
    def decorated(self, sid: str) -> None: ...

    def plain(self, sid: str) -> None: ...

    def __call__(self, first: Any, second: Any = None) -> None: ...


@pytest.mark.parametrize(
    ("function", "bounds"),
    [
        (inner, (2, 2)),
        (transparent, (0, ANY)),
        (functools.partial(transparent, "sid"), (0, ANY)),
        (functools.partial(inner, "sid"), (1, 1)),
        (adapting, (1, ANY)),
        (claiming, (0, ANY)),
        (Decorator(inner), (0, ANY)),
        (Methods().plain, (1, 1)),
        (Methods(), (1, 2)),
        (Methods, (0, 0)),
    ],
)
def test_a_callable_counts_for_itself(
    function: Callable[..., Any], bounds: tuple[int, float]
) -> None:
    parameters = own_parameters(function)
    assert parameters is not None
    assert parameters[:2] == bounds


def test_what_is_compiled_and_wraps_something_is_unknown() -> None:
    assert own_parameters(functools.lru_cache(inner)) is None
    assert choose_form(functools.lru_cache(inner), "connect", (3, 2), "").shorter


class Proxy:
    """What is compiled and says that it is what it wraps, as wrapt's wrappers do."""

    __call__ = functools.partial(lambda *args: args[-1](*args[:-1], db="db"))  # no function

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function

    @property
    def __class__(self) -> type:
        return type(self.__wrapped__)


def test_a_proxy_is_not_what_it_says() -> None:
    def injected(sid: str, *, db: str) -> None: ...

    assert own_parameters(Proxy(injected)) is None  # type: ignore[arg-type]  # it is called below
    assert of(Proxy(injected)) == (False, False)  # type: ignore[arg-type]  # the same


def of(function: Callable[..., Any], counts: tuple[int, ...] = (3, 2)) -> tuple[bool, bool]:
    form = choose_form(function, "connect", counts, "")
    return form.shorter, form.certain


def wrapper_of(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(sid: str, *args: Any) -> Any:
        return function(sid, *args)

    return wrapper


def test_which_form_comes_first() -> None:
    assert of(inner) == (True, True)
    assert of(lambda sid, environ, auth: None) == (False, True)
    assert of(lambda sid, environ, auth=None: None) == (False, True)
    assert of(lambda sid, environ, auth, *more: None) == (False, True)
    # What it hands everything on to is a good guess, and no more than that.
    assert of(transparent) == (True, False)
    assert of(functools.partial(transparent, "x"), (2, 1)) == (True, False)
    assert of(wrapper_of(inner)) == (True, False)
    # The wrapper's names are other ones: it keeps or changes some.
    assert of(wrapper_of(lambda environ, auth: None)) == (False, False)
    # It keeps all that it has names for.
    assert of(wrapper_of(lambda: None), (2, 1)) == (True, False)
    assert of(wrapper_of(lambda: None), (3, 2)) == (False, False)
    assert of(lambda *args: None) == (False, False)
    assert of(transparent, (2,)) == (False, True)


def test_a_wrapper_that_wraps_itself() -> None:
    def endless(*args: Any) -> None: ...

    endless.__wrapped__ = endless  # type: ignore[attr-defined]  # what a broken decorator does
    assert of(endless) == (False, False)


@pytest.mark.parametrize(
    "function", [lambda sid: None, lambda a, b, c, d, *args: None, lambda sid, environ, *, db: None]
)
def test_what_can_be_known_to_fail_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError):
        choose_form(function, "connect", (3, 2), "")


def wrong(function: Callable[..., Any], *args: Any, shorter: bool = False) -> bool:
    """Tell whether a call fails because of its form."""
    try:
        function(*args)
    except Exception as error:
        return misses_its_form(function, shorter, error)
    raise AssertionError("it did not fail")


def without_a_trace(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def one(sid: str) -> None: ...


def broken(*args: Any) -> None:
    one()  # type: ignore[call-arg]  # on purpose


def broken_as_if(*args: Any) -> None:
    raise TypeError("one() takes 1 positional argument but 2 were given")


def broken_within(sid: str, reason: Any) -> None:
    one(sid, reason)  # type: ignore[call-arg]  # on purpose


def handing_on_within(sid: str, *args: Any) -> None:
    helper = functools.partial(broken_within, sid)
    helper(*args)


def test_what_tells_that_a_handler_is_of_the_other_form() -> None:
    for decorator in (functools.partial, without_a_trace, Decorator, wrapper_of):
        assert wrong(decorator(one), 1, 2)
        for other in (functools.partial, without_a_trace, Decorator, wrapper_of):
            assert wrong(other(decorator(one)), 1, 2)
    assert wrong(without_a_trace(functools.lru_cache(one)), 1, 2)
    assert wrong(behind_a_login(one), 1, 2)
    assert wrong(without_a_trace(inner), 1, shorter=True)
    assert wrong(wrapper_of(without_a_trace(inner)), 1, shorter=True)
    assert wrong(Methods().decorated, 1, shorter=True)
    # It is about another number of arguments than we can mend.
    assert not wrong(without_a_trace(inner), 1)
    assert not wrong(without_a_trace(one), 1, 2, shorter=True)


class Service:
    """What handlers delegate to, without a decorator."""

    def disconnect(self, sid: str) -> None: ...


service = Service()


class Refusing:
    """As the globals of web frameworks are outside of a request."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("outside of a request")

    def __call__(self) -> Any:
        return 1


current_user: Any = Refusing()


def behind_a_login(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any) -> Any:
        return function(*args) if current_user() else current_user.name

    return wrapper


def delegating(*args: Any) -> None:
    one(*args)


def delegating_to_a_method(*args: Any) -> None:
    service.disconnect(*args)


def delegating_late(sid: str, *args: Any) -> None:
    handler = functools.partial(one)
    handler(sid, *args)


@pytest.mark.parametrize("function", [delegating, delegating_to_a_method, delegating_late])
def test_a_function_that_delegates_is_a_wrapper(function: Callable[..., Any]) -> None:
    assert wrong(function, 1, 2)
    assert wrong(without_a_trace(function), 1, 2)
    assert wrong(function, shorter=True) or function is delegating_late


def test_what_is_called_with_less_than_came_was_not_handed_on() -> None:
    def handler(*args: Any) -> None:
        one(1, 2)  # type: ignore[call-arg]  # on purpose

    assert not wrong(handler, 1, 2, 3)
    assert not wrong(wrapper_of(handler), 1, 2, 3)


@pytest.mark.parametrize(
    "decorator",
    [
        lambda function: function,
        without_a_trace,
        Decorator,
        functools.partial,
        wrapper_of,
        lambda function: wrapper_of(without_a_trace(function)),
    ],
)
@pytest.mark.parametrize(
    "function", [broken, broken_as_if, broken_within, handing_on_within, lambda *args: {}[1]]
)
def test_a_body_that_fails_has_begun(
    decorator: Callable[..., Any], function: Callable[..., Any]
) -> None:
    assert not wrong(decorator(function), 1, 2)


def taking_apart(function: Callable[..., Any], code: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {"function": function}
    exec(f"def wrapper(*args):\n    {code}\n    return function(1, 2)", scope)
    return functools.wraps(function)(scope["wrapper"])


def test_wrappers_that_take_the_arguments_apart() -> None:
    assert wrong(taking_apart(inner, "sid, environ, auth = args"), 1, 2, shorter=True)
    assert wrong(taking_apart(inner, "args[2]"), 1, 2, shorter=True)
    assert wrong(taking_apart(inner, "sid, environ = args"), 1, 2, 3)
    assert not wrong(taking_apart(inner, "args[3]"), 1, 2, 3)
    assert not wrong(taking_apart(inner, "{}[2]"), 1, 2, shorter=True)
    assert not wrong(taking_apart(lambda a, b: [][1], ""), 1, 2, shorter=True)


def test_a_form_is_the_full_one_unless_it_is_said() -> None:
    assert (Form().shorter, Form().certain) == (False, False)
