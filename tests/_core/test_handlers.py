"""Tests of what handlers take, when they are wrapped."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from socketio._core.handlers import check_arity, positional_range


def inner(sid: str, environ: Any) -> None:
    """A handler."""


@functools.wraps(inner)
def transparent(*args: Any, **kwargs: Any) -> Any:
    return inner(*args, **kwargs)


@functools.wraps(inner)
def adapting(sid: str, *args: Any) -> Any:
    return inner(sid, args)


@pytest.mark.parametrize(
    ("function", "bounds"),
    [
        (inner, (2, 2)),
        (transparent, (2, 2)),
        (functools.partial(transparent, "sid"), (1, 1)),
        (adapting, (1, float("inf"))),
    ],
)
def test_a_wrapper_with_arguments_of_its_own_counts_for_itself(
    function: Callable[..., Any], bounds: tuple[int, float]
) -> None:
    assert positional_range(function) == bounds


def test_the_arguments_of_the_wrapped_function_decide_what_it_is_called_with() -> None:
    assert check_arity(transparent, "connect", (3, 2), "") == 2
    assert check_arity(adapting, "connect", (3, 2), "") == 3
