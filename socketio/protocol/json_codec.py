r"""JSON for Socket.IO packets: binary values become attachments while the text is written.

It knows JSON and placeholders, and nothing of packets. `orjson` is used where it is installed, the
standard library elsewhere, and both write the same text (floats with an exponent may be spelled
differently).

A lone surrogate (half an emoji: JavaScript cuts strings between surrogates) is legal in JSON as
the escape `\ud83d` and has no place in UTF-8. Every codec reads that escape and writes it.
"""

from __future__ import annotations

import enum
import inspect
import json
import math
import re
import secrets
import uuid
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..exceptions import ProtocolError
from .surrogates import LONE_SURROGATE, escape_surrogates

try:
    import orjson
except ImportError:  # the extra `fast` is optional
    orjson = None  # type: ignore[assignment]  # absence is tested below

MAX_SAFE_BITS = 64
"""Integers that need more bits arrive as floats, as they do in JavaScript."""

_BINARY = (bytes, bytearray, memoryview)


class JSONModule(Protocol):
    """What the `json` argument of servers and clients has to provide."""

    def dumps(self, obj: Any, /, **kwargs: Any) -> str:
        """Return the JSON text of a value."""

    def loads(self, text: str, /) -> Any:
        """Return the value of a JSON text."""


class JSONCodec(Protocol):
    """Turns values into JSON text and back, with binary values taken out on the way."""

    def dumps(self, value: Any, attachments: list[bytes]) -> str:
        """Return the JSON text of a value.

        Args:
            value: Anything JSON knows, with binary values anywhere inside.
            attachments: Receives the binary values; placeholders stand for them in the text.

        Raises:
            ValueError: NaN or an infinity, which JSON does not have.
            TypeError: A value that JSON cannot express.
        """

    def loads(self, text: str) -> Any:
        """Return the value of a JSON text.

        Raises:
            ProtocolError: The text is not JSON, or nested too deeply.
        """


def _placeholder(attachments: list[bytes], value: Any) -> Any:
    if isinstance(value, _BINARY):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    # orjson writes these two by itself; the standard library must agree with it.
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(
        f"cannot send a value of type {type(value).__name__}: Socket.IO carries str, bytes, "
        "numbers, bool, None, list, tuple and dict; convert it first"
    )


def _not_json(text: str, error: BaseException) -> ProtocolError:
    return ProtocolError(f"invalid JSON {text[:40]!r}: {error}")


def _parse_int(digits: str) -> int | float:
    if len(digits) < 19:
        return int(digits)
    if len(digits) > 400:
        # float() of it would be infinite, and int() is quadratic in the digits.
        raise ValueError("integer out of range")
    number = int(digits)
    if -(1 << (MAX_SAFE_BITS - 1)) <= number < 1 << MAX_SAFE_BITS:
        return number
    as_float = float(digits)
    if math.isinf(as_float):
        raise ValueError("integer out of range")
    return as_float


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _parse_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number


_decoder = json.JSONDecoder(
    parse_int=_parse_int, parse_float=_parse_float, parse_constant=_refuse_constant
)


class StandardCodec:
    """The standard library's `json`."""

    def dumps(self, value: Any, attachments: list[bytes]) -> str:
        """Return the JSON text of a value; see `JSONCodec.dumps`."""
        encoder = json.JSONEncoder(
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            default=lambda item: _placeholder(attachments, item),
        )
        try:
            text = encoder.encode(value)
        except RecursionError as error:
            raise ValueError("cannot send a value that is nested this deeply") from error
        except ValueError as error:
            raise ValueError(f"cannot send this value as JSON: {error}") from error
        return escape_surrogates(text)

    def loads(self, text: str) -> Any:
        """Return the value of a JSON text; see `JSONCodec.loads`."""
        try:
            return _decoder.decode(text)
        except (ValueError, RecursionError) as error:
            raise _not_json(text, error) from error


class OrjsonCodec:
    """`orjson`; the standard library for what it refuses (huge integers, odd keys, surrogates)."""

    def __init__(self) -> None:
        self._dumps: Callable[..., bytes] = orjson.dumps
        self._loads: Callable[[str], Any] = orjson.loads
        self._options = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
        self._standard = StandardCodec()

    def dumps(self, value: Any, attachments: list[bytes]) -> str:
        """Return the JSON text of a value; see `JSONCodec.dumps`."""
        try:
            text = self._dumps(value, None, self._options).decode()
        except TypeError:
            return self._dumps_more(value, attachments)
        if "null" in text:
            # orjson writes NaN and infinities as null; the standard library refuses them.
            _refuse_nan(value)
        return text

    def _dumps_more(self, value: Any, attachments: list[bytes]) -> str:
        """Write a value that has binary parts, or that orjson does not know."""
        try:
            text = self._dumps(
                value, lambda item: _placeholder(attachments, item), self._options
            ).decode()
        except TypeError:
            attachments.clear()
            return self._standard.dumps(value, attachments)
        if "null" in text:
            _refuse_nan(value)
        return text

    def loads(self, text: str) -> Any:
        """Return the value of a JSON text; see `JSONCodec.loads`."""
        try:
            return self._loads(text)
        except ValueError:
            # A lone surrogate is valid JSON that orjson refuses: the slower parser decides.
            return self._standard.loads(text)


def _refuse_nan(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                raise ValueError(
                    f"cannot send {item!r}: JSON has neither NaN nor infinities; send None instead"
                )
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)


class ModuleCodec:
    """A JSON module that the user passed as `json=`."""

    def __init__(self, module: JSONModule) -> None:
        self.module = module
        self._separators = _accepts(module.dumps, "separators")

    def dumps(self, value: Any, attachments: list[bytes]) -> str:
        """Return the JSON text of a value; see `JSONCodec.dumps`."""
        value = take_out_binary(value, attachments)
        try:
            text = self._write(value)
        except Exception:  # the module is the user's, and its errors are of any type
            marked, found = _mark_lone_surrogates(value)
            if not found:
                raise
            text = _MARKED_SURROGATE.sub(r"\\u\1", self._write(marked))
        if "NaN" in text or "Infinity" in text or "null" in text:
            _refuse_nan(value)
        return escape_surrogates(text)

    def _write(self, value: Any) -> str:
        options = {"separators": (",", ":")} if self._separators else {}
        text: str | bytes = self.module.dumps(value, **options)
        return text if isinstance(text, str) else text.decode("utf-8", "surrogatepass")

    def loads(self, text: str) -> Any:
        """Return the value of a JSON text; see `JSONCodec.loads`."""
        try:
            return self.module.loads(text)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the module is the user's, its errors are of any type
            marked = _mark_lone_escapes(text)
            if marked == text:
                raise _not_json(text, error) from error
        try:
            return _unmark_lone_surrogates(self.module.loads(marked))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # as above
            raise _not_json(text, error) from error


# A module that refuses lone surrogates (orjson, ujson, rapidjson) reads and writes this instead.
# It is never sent, and nobody can guess it and have other text taken for it.
_MARK: Final = secrets.token_hex(16)
_MARKED_SURROGATE: Final = re.compile(f"{_MARK}(d[89a-f][0-9a-f]{{2}})")
# Every escape of a text, one after the other: behind an escaped backslash none begins. A pair
# of surrogates is taken whole.
_ESCAPES: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def _mark_lone_surrogates(value: Any) -> tuple[Any, bool]:
    """Return a copy of a value with a mark for each lone surrogate, and whether there is one."""
    found = False

    def mark(match: re.Match[str]) -> str:
        nonlocal found
        found = True
        return f"{_MARK}{ord(match.group()):04x}"

    return _map_texts(value, lambda text: LONE_SURROGATE.sub(mark, text)), found


def _unmark_lone_surrogates(value: Any) -> Any:
    """Undo `_mark_lone_surrogates`."""
    return _map_texts(
        value,
        lambda text: _MARKED_SURROGATE.sub(lambda found: chr(int(found[1], 16)), text),
    )


def _mark_lone_escapes(text: str) -> str:
    """Return a JSON text with a mark for each escape of a lone surrogate."""

    def mark(found: re.Match[str]) -> str:
        lone = found["lone"]
        return found.group() if lone is None else _MARK + lone.lower()

    return _ESCAPES.sub(mark, text)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {
            change(key) if isinstance(key, str) else key: _map_texts(item, change)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return value


def _accepts(function: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def take_out_binary(value: Any, attachments: list[bytes]) -> Any:
    """Return a copy of a value whose binary parts are placeholders.

    Args:
        value: Any nesting of dict, list and tuple.
        attachments: Receives the binary parts in the order of their placeholders.
    """
    if isinstance(value, _BINARY):
        return _placeholder(attachments, value)
    if isinstance(value, dict):
        return {key: take_out_binary(item, attachments) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [take_out_binary(item, attachments) for item in value]
    return value


default_codec: JSONCodec = StandardCodec() if orjson is None else OrjsonCodec()
"""The codec of servers and clients that were given no `json`."""


def codec_for(module: Any) -> JSONCodec:
    """Return the codec for a user's `json` argument (None: the default codec)."""
    if module is None:
        return default_codec
    if module is json:
        return StandardCodec()
    for method in ("dumps", "loads"):
        if not callable(getattr(module, method, None)):
            raise TypeError(f"json= needs an object with dumps() and loads(), got {module!r}")
    return ModuleCodec(module)
