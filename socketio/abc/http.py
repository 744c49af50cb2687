"""HTTP requests and answers in neutral terms: what async modes and transports exchange.

They know HTTP, and nothing of sessions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from ..exceptions import ProtocolError

Headers = list[tuple[str, str]]
"""Names and values, in order; a name may be repeated."""


@lru_cache(256)  # the same few names come with each request, and stay with each session
def environ_key(name: str) -> str:
    """Return the key of a header in WSGI's environ (PEP 3333).

    Args:
        name: The header's name, in any case.
    """
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def add_headers(environ: dict[str, Any], headers: Iterable[tuple[str, str]]) -> None:
    """Put a request's headers into WSGI's environ (PEP 3333), repeated ones joined.

    A name with underscores has the key of one with hyphens, and never takes its place: a proxy
    says `X-Real-IP`, and lets its client say `X_Real_IP`.

    Args:
        environ: Gets the headers.
        headers: Names and values.
    """
    for name, value in sorted(headers, key=lambda header: "_" in header[0]):
        key = environ_key(name)
        if key not in environ:
            environ[key] = value
        elif "_" not in name:
            environ[key] += f"{'; ' if key == 'HTTP_COOKIE' else ','}{value}"


MAX_LENGTH_DIGITS: Final = 18
"""Digits of a `Content-Length` that is looked at: no body is longer, and Python refuses to read
thousands of them."""


def check_content_length(length: str | None, transfer_encoding: str | None = None) -> int | None:
    """Return what a request says of the length of its body.

    Only digits are a length (RFC 9110 §8.6). Where a proxy and we read `+5`, `5_0`, `٥`, or two
    different lengths each in their own way, a second request could hide in the body of the first.

    Args:
        length: The header `Content-Length`; repeated ones joined by commas. None or empty: none.
        transfer_encoding: The header of this name, beside which there must be no length
            (RFC 9112 §6.1).

    Returns:
        The number of bytes; None where the request does not say.

    Raises:
        BadLength: It is no number, or there is a transfer encoding as well.
    """
    if not length:
        return None
    if not (length.isascii() and length.isdigit() and len(length) <= MAX_LENGTH_DIGITS):
        raise BadLength(f"the Content-Length {length[:20]!r} is no number of bytes")
    if transfer_encoding:
        raise BadLength("a request with both Content-Length and Transfer-Encoding")
    return int(length)


class Request(ABC):
    """One HTTP request, or the request that opens a websocket, in neutral terms.

    An async mode makes one from its framework's request. `environ` is built when somebody
    asks for it, which is once per session.
    """

    __slots__ = ("_environ", "_query", "method", "query_string")

    def __init__(self, method: str, query_string: str) -> None:
        self.method = method
        self.query_string = query_string
        self._query: dict[str, str] | None = None
        self._environ: dict[str, Any] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The first value of each query argument."""
        if self._query is None:
            query: dict[str, str] = {}
            for name, value in parse_qsl(self.query_string, keep_blank_values=True):
                query.setdefault(name, value)
            self._query = query
        return self._query

    @property
    def environ(self) -> dict[str, Any]:
        """The request as WSGI names it, with the framework's own request object in it."""
        if self._environ is None:
            self._environ = self.build_environ()
        return self._environ

    @abstractmethod
    def header(self, name: str) -> str | None:
        """Return the value of a header (name in lower case), or None.

        Of a repeated one these are all values, joined by commas: that there are two of what may be
        there once must not be missed.
        """

    def content_length(self, max_bytes: int) -> int | None:
        """Return how long the body is to be; see `check_content_length`.

        Args:
            max_bytes: How long it may be.

        Raises:
            BodyTooLarge: It is longer.
            BadLength: The request says so in a way that others may read differently.
        """
        length = check_content_length(
            self.header("content-length"), self.header("transfer-encoding")
        )
        if length is not None and length > max_bytes:
            raise BodyTooLarge(f"a body of {length} bytes, at most {max_bytes} allowed")
        return length

    def head_size(self) -> int:
        """Return about how many bytes its headers and its query have, which `environ` keeps.

        A mode that knows this without an environ says so, since every request is asked.
        """
        environ = self.environ
        headers = [key for key in environ if key[:5] == "HTTP_"]
        return len(self.query_string) + sum(len(key) + len(environ[key]) for key in headers)

    @abstractmethod
    def build_environ(self) -> dict[str, Any]:
        """Return the WSGI-like description of the request."""

    def watch_disconnect(self, gone: Callable[[], None]) -> Callable[[], None] | None:
        """Call a function when the client goes before it has its answer.

        Args:
            gone: The function; called at most once.

        Returns:
            A function that ends the watch, or None where the server tells nobody.
        """
        return None

    @abstractmethod
    def read_body(self, max_bytes: int) -> Any:
        """Read the body to its end (a coroutine method in the asyncio flavour).

        Args:
            max_bytes: How long it may be.

        Returns:
            The bytes.

        Raises:
            BodyTooLarge: It is longer; no more than that was read.
            BodyTooSlow: `body_timeout` was over (in threads; coroutines are cancelled).
        """


class BodyRefused(ProtocolError):
    """A request body that is not read to its end; its connection cannot be used again."""

    status: int
    """The HTTP status of the answer."""


class BadLength(BodyRefused):
    """A request says the length of its body in a way that others may read differently."""

    status = 400


class BodyTooLarge(BodyRefused):
    """A request body has more bytes than `max_http_buffer_size`."""

    status = 413


class BodyTooSlow(BodyRefused):
    """A request body takes longer than `body_timeout`."""

    status = 408

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a body that was not complete after {seconds} s; see body_timeout")


class Response:
    """An HTTP answer."""

    __slots__ = ("body", "ends_connection", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.ends_connection = status in (BodyTooLarge.status, BodyTooSlow.status)
        """Whether the request was not read to its end, and so no other can follow it."""

    @property
    def reason(self) -> str:
        """The status line's text."""
        return STATUS_TEXT.get(self.status, "Unknown")


STATUS_TEXT: Final = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Payload Too Large",
    416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
